import Synchronization

/// A command line as it was meant in all likelihood, in the words of the person who gave it.
enum MeantLine {
  /// The command line with one argument for another.
  ///
  /// - Parameters:
  ///   - word: The argument.
  ///   - other: What is in its place.
  ///   - dropped: An argument that is left out, because the other has it in it.
  ///   - line: The whole command line, the program first; without it, this process's.
  /// - Returns: The line, in backticks; `nil` if the arguments are not in it.
  static func replacing(
    _ word: [UInt8], with other: [UInt8], dropping dropped: [UInt8]? = nil,
    in line: [[UInt8]]? = nil
  ) -> Message? {
    // Without /proc nobody knows the line, and borg's is another one.
    let isKnown = line != nil || CommandStyle.process.withLock { $0 } == .native
    guard isKnown, var words = line ?? (try? CommandLineBytes.all()),
      let index = words.dropFirst().firstIndex(of: word)
    else { return nil }
    words[0] = Array("archivist".utf8)
    words[index] = other
    if let dropped {
      guard let next = words[(index + 1)...].firstIndex(of: dropped) else { return nil }
      words.remove(at: next)
    }
    return "`\(shell: words)`"
  }

  /// The sentence for an argument that names a repository where an archive is wanted.
  ///
  /// - Parameters:
  ///   - repository: The argument that names it.
  ///   - next: The argument that follows, if there is one: the archive, perhaps, or a path in it.
  ///   - line: The whole command line; without it, this process's.
  /// - Returns: The rest of a sentence.
  static func naming(
    archiveOf repository: [UInt8], next: [UInt8]?, in line: [[UInt8]]? = nil
  ) -> Message {
    let base = Self.base(repository)
    let newest = base + Array("::@now".utf8)
    let slash = UInt8(ascii: "/")
    var meant: Message?
    if let next, !next.isEmpty, !next.contains(slash) {
      let text = String(validating: next, as: UTF8.self)
      let archive = text.flatMap { Moment.meant(by: $0) }.map { Array($0.utf8) } ?? next
      meant = replacing(
        repository, with: base + Array("::".utf8) + archive, dropping: next, in: line)
    } else if next != nil {
      meant = replacing(repository, with: newest, in: line)
    }
    guard let meant else {
      let list = ["archivist", "list"].map { Array($0.utf8) } + (base.isEmpty ? [] : [base])
      return "which archive? \(name: newest) is the newest, and `\(shell: list)` shows all"
    }
    return "an archive is named behind two colons; did you mean \(meant)?"
  }

  /// The sentence for a new archive that has no name.
  ///
  /// - Parameters:
  ///   - repository: The argument that names the repository.
  ///   - line: The whole command line; without it, this process's.
  /// - Returns: The rest of a sentence.
  static func naming(
    newArchiveIn repository: [UInt8], in line: [[UInt8]]? = nil
  ) -> Message {
    let named = base(repository) + Array("::{now}".utf8)
    return "the new archive needs a name behind two colons, as in "
      + (replacing(repository, with: named, in: line) ?? "\(name: named)")
  }

  /// An argument without the colons at its end.
  private static func base(_ argument: [UInt8]) -> [UInt8] {
    let colons = Array("::".utf8)
    return Array(argument.suffix(2)) == colons ? argument.dropLast(2) : argument
  }
}
