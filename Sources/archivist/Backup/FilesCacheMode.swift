import ArgumentParser

/// The values that have to be equal for a file to count as unchanged, as borg's `--files-cache` has
/// it.
struct FilesCacheMode: Equatable, CustomStringConvertible, ExpressibleByArgument, Sendable {
  /// The time that is compared.
  enum Time: String, Sendable {
    case ctime
    case mtime
  }

  /// Which time is compared; `nil`: every file is read, and nothing is recorded.
  var time: Time?
  /// Whether inode numbers are compared.
  var comparesInode = true
  /// Every file is read, but recorded for the next time.
  var rechunks = false

  static let `default` = FilesCacheMode(time: .ctime)

  init(time: Time?) { self.time = time }

  init?(argument: String) {
    let words = Set(
      argument.split(separator: ",", omittingEmptySubsequences: false).map(String.init))
    let time: Time? =
      words.contains("ctime") ? .ctime : words.contains("mtime") ? .mtime : nil
    switch words {
    case ["disabled"]: self.init(time: nil)
    case ["rechunk", "ctime"], ["rechunk", "mtime"]:
      self.init(time: time)
      rechunks = true
    case ["ctime", "size", "inode"], ["mtime", "size", "inode"]: self.init(time: time)
    case ["ctime", "size"], ["mtime", "size"]:
      self.init(time: time)
      comparesInode = false
    default: return nil
    }
  }

  var description: String {
    guard let time else { return "disabled" }
    return rechunks
      ? "rechunk,\(time.rawValue)" : "\(time.rawValue),size" + (comparesInode ? ",inode" : "")
  }

  /// The fields that items must record, so that the next backup can compare.
  var recorded: FileMetadata.RecordedFields {
    guard let time else { return [] }
    var fields: FileMetadata.RecordedFields = []
    if time == .ctime { fields.insert(.ctime) }
    if comparesInode { fields.insert(.inode) }
    return fields
  }
}
