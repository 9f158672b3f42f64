import ChunkStore
import StoreCrypto

/// Archives and repositories for people.
enum ArchiveText {
  static let rule = String(repeating: "-", count: 78) + "\n"

  /// The figures of an archive that `create --stats` and `info` print.
  static func figures(_ archive: Archive, _ figures: ArchiveFigures) -> [UInt8] {
    let manifest = archive.manifest
    let nanoseconds = Int64(ArchiveJSON.duration(manifest) * 1e9)
    var lines: [Message] = [
      "Archive name: \(name: Array(archive.name.utf8))",
      "Archive id: \(archive.id.hex)",
    ]
    if !manifest.comment.isEmpty {
      lines.append("Comment: \(name: Array(manifest.comment.utf8))")
    }
    if let origin = manifest.origin {
      lines.append(
        "Copy of: archive \(origin.archive.hex.prefix(16)) of repository "
          + "\(origin.repository.hex.prefix(16))")
    }
    lines += [
      "Hostname: \(name: Array(manifest.hostname.utf8))",
      "Username: \(name: Array(manifest.username.utf8))",
      "Time (start): \(TimeText.list(CivilTime(manifest.start, in: .local)))",
      "Time (end):   \(TimeText.list(CivilTime(manifest.end, in: .local)))",
      "Duration: \(HumanText.duration(nanoseconds: nanoseconds))",
      "Number of files: \(figures.files)",
      "Original size: \(size(figures.originalSize))",
      "Compressed size: \(size(figures.compressedSize))",
      "Deduplicated size: \(size(figures.deduplicatedSize))",
    ]
    return lines.flatMap { $0.bytes + [0x0a] }
  }

  /// The figures of one of several archives that `info` prints.
  static func brief(_ archive: Archive, _ figures: ArchiveFigures) -> [Message] {
    let manifest = archive.manifest
    let host: Message = manifest.hostname.isEmpty ? "" : ", \(name: Array(manifest.hostname.utf8))"
    let comment: Message = "  \(name: Array(manifest.comment.utf8))"
    let duration = HumanText.duration(nanoseconds: Int64(ArchiveJSON.duration(manifest) * 1e9))
    return [
      "\(name: Array(archive.name.utf8)): id:\(archive.id.hex.prefix(16))\(host), "
        + "\(TimeText.rfc3339(CivilTime(manifest.start, in: .local))), \(duration)",
      "  \(HumanText.count(figures.files, "file")), \(size(figures.originalSize)); compressed "
        + "\(size(figures.compressedSize)); only here \(size(figures.deduplicatedSize))",
    ] + (manifest.comment.isEmpty ? [] : [comment])
  }

  /// Name, time and id in columns, as lists show an archive.
  static func entry(_ archive: Archive) -> Message {
    let name = archive.name + String(repeating: " ", count: max(0, 36 - archive.name.count))
    let time = TimeText.list(CivilTime(archive.start, in: .local))
    return "\(name: Array(name.utf8)) \(time) [\(archive.id.hex)]"
  }

  static func size(_ bytes: UInt64) -> String { HumanText.size(Int64(clamping: bytes)) }
}
