/// The codecs of borg that archivist has not, and those that come near them.
enum BorgCompression {
  /// The codec in archivist's words; `nil` for what borg does not know either.
  ///
  /// zlib and lzma are slower and no better than zstd at a level that compresses about as much.
  /// `obfuscate` hides sizes, which archivist does by padding: the codec behind it is what is left.
  static func nearest(_ text: String) -> String? {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    switch parts[0] {
    case "none", "lz4": return parts.count == 1 ? text : nil
    case "zstd":
      guard parts.count == 2 else { return parts.count == 1 ? text : nil }
      // borg's levels begin at 1.
      return Int(parts[1]).flatMap { (1...22).contains($0) ? text : nil }
    case "zlib": return level(parts, in: 0...9, default: 6).map { "zstd,\(zlib[$0])" }
    case "lzma": return level(parts, in: 0...9, default: 6).map { "zstd,\(lzma[$0])" }
    case "auto":
      guard parts.count > 1, !["none", "auto", "obfuscate"].contains(parts[1]) else { return nil }
      return nearest(parts.dropFirst().joined(separator: ",")).map { "auto,\($0)" }
    case "obfuscate":
      guard parts.count > 2, Int(parts[1]) != nil, parts[2] != "obfuscate" else { return nil }
      return nearest(parts.dropFirst(2).joined(separator: ","))
    default: return nil
    }
  }

  /// The level of zstd for each level of zlib.
  private static let zlib = [1, 1, 2, 3, 3, 3, 6, 8, 10, 12]
  /// The level of zstd for each level of lzma.
  private static let lzma = [9, 11, 12, 13, 15, 16, 19, 19, 20, 22]

  private static func level(
    _ parts: [String], in range: ClosedRange<Int>, default level: Int
  ) -> Int? {
    guard parts.count > 1 else { return level }
    guard parts.count == 2, let level = Int(parts[1]), range.contains(level) else { return nil }
    return level
  }
}
