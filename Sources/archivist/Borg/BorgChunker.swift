import ChunkStore

/// borg's parameters of the chunker, and the nearest ones that archivist takes.
enum BorgChunker {
  /// The parameters in archivist's words; `nil` for what borg does not take either.
  static func nearest(_ text: String) -> String? {
    if text == "default" { return text }
    var fields = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    if fields.first == "fixed" {
      // A header of another size, which borg can cut off first, is not known here.
      guard fields.count == 2 || fields.count == 3, let size = Int(fields[1]), size >= 64,
        fields.count == 2 || Int(fields[2]) != nil
      else { return nil }
      return "fixed,\(min(max(size, 512), 1 << 25))"
    }
    if fields.first == "buzhash" { fields.removeFirst() }
    let numbers = fields.compactMap { Int($0) }
    guard fields.count == 4, numbers.count == 4 else { return nil }
    // borg's own limits: 2^6 to 2^23 bytes, and a minimum below the maximum.
    guard numbers[0] <= numbers[2], numbers[2] <= numbers[1], numbers[0] >= 6, numbers[1] <= 23,
      numbers[3] >= 1
    else { return nil }
    let minimum = min(max(numbers[0], 10), 24)
    let maximum = min(max(numbers[1], minimum + 1), 25)
    let mask = min(max(numbers[2], minimum - 1), maximum)
    let window = min(max(numbers[3], 63), (1 << minimum) - 1) | 1
    return "buzhash,\(minimum),\(maximum),\(mask),\(window)"
  }
}
