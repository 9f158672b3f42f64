import ChunkStore

/// The names that a restore has given to items in one directory.
///
/// On file systems that do not tell case apart, or that take other forms of one text for the same,
/// two names of an archive may lead to one file. Names are kept only where that may be so.
///
/// Belongs to the thread that makes the items.
final class MadeNames {
  /// For each text that some file system may take for the same, the name that was first.
  private var names: [String: FileName] = [:]
  /// Whether the directory tells case apart; `nil` as long as nobody has looked.
  private var tellsCaseApart: Bool?

  /// A new directory treats names as the one does that it was made in.
  func inherit(from parent: MadeNames) { tellsCaseApart = tellsCaseApart ?? parent.tellsCaseApart }

  /// Takes note of a name that an item has got.
  func add(_ name: FileName, in directory: DirectoryHandle) {
    if tellsCaseApart != true || !Self.isPlain(name) {
      if tellsCaseApart == nil { tellsCaseApart = Self.tellsCaseApart(name, in: directory) }
      if tellsCaseApart == true, Self.isPlain(name) { return }
      let text = Self.folded(name)
      if names[text] == nil { names[text] = name }
    }
  }

  /// The name of another item that leads to what `name` leads to.
  func other(than name: FileName, in directory: DirectoryHandle) -> FileName? {
    guard !names.isEmpty, let other = names[Self.folded(name)], other != name else { return nil }
    // A file that takes the place of an old one may come in between.
    for _ in 0..<8 {
      guard let first = try? directory.metadata(of: other),
        let second = try? directory.metadata(of: name),
        let again = try? directory.metadata(of: other)
      else { return nil }
      if first.identity == again.identity {
        return first.identity == second.identity ? other : nil
      }
    }
    return other
  }

  /// Whether only case can make another name of it.
  private static func isPlain(_ name: FileName) -> Bool {
    name.bytes.allSatisfy { $0 < 0x80 }
      && name.bytes.last != UInt8(ascii: ".") && name.bytes.last != UInt8(ascii: " ")
  }

  /// Asks for a name in the other case; `nil` if it has no letters to be told apart.
  private static func tellsCaseApart(_ name: FileName, in directory: DirectoryHandle) -> Bool? {
    let swapped = name.bytes.map { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"):
        byte ^ 0x20
      default: byte
      }
    }
    guard !swapped.elementsEqual(name.bytes), let other = FileName(swapped) else { return nil }
    guard let found = try? directory.metadata(of: other) else { return true }
    guard let own = try? directory.metadata(of: name) else { return nil }
    return found.identity != own.identity
  }

  /// A text that is the same for all names that any file system may take for one.
  ///
  /// Strings are equal where they are canonically equivalent. More names have one text than lead
  /// to one file: whoever finds two asks the file system.
  private static func folded(_ name: FileName) -> String {
    var text = String(decoding: name.bytes, as: UTF8.self).uppercased().lowercased()
    // HFS+ passes over what is not seen, FAT over dots and spaces at the end.
    text.unicodeScalars.removeAll { $0.properties.isDefaultIgnorableCodePoint }
    while text.last == "." || text.last == " " { text.removeLast() }
    return text
  }
}
