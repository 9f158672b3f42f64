import ChunkStore

/// borg's arguments as archivist's own.
///
/// borg takes common options in front of the command and behind it, several flags in one word, values
/// with and without `=`, and knows options that have no meaning here. What is made of that is in
/// `BorgOption.common` and `BorgOption.options(of:)`; everything that stands in no table is handed on.
struct BorgCommandLine {
  /// A word of the command line that is understood.
  private enum Piece {
    case option(String, value: [UInt8]?)
    case word([UInt8])
    /// Letters behind a dash that stand in no table: archivist's own parser knows them, or says that it does not.
    case flags([UInt8])
  }

  /// How much is said.
  enum Level: Sendable {
    case error
    case warning
    case info
    case debug
  }

  /// The settings of a run besides its arguments.
  struct Settings: Equatable, Sendable {
    /// Whether the version is said first.
    var showsVersion = false
    /// Whether the status is said last.
    var showsStatus = false
    /// Whether figures are those of the archives alone, without those of the repository.
    var showsOwnFigures = false
  }

  /// The command: one word, or two as in `key export`.
  private(set) var command: [String] = []
  /// The notices about options that are replaced.
  private(set) var notices: [Message] = []
  /// The settings of the run.
  var settings = Settings()
  /// How much is said; what comes last counts.
  var level = Level.warning
  private var pieces: [Piece] = []
  /// The arguments behind `--`, with that, or those of another program.
  private var rest: [[UInt8]] = []
  /// The option that asked for figures.
  var figures: String?
  /// Arguments that are no options.
  private var wordCount = 0

  /// The command, known from the beginning: it says what options in front of it mean.
  private let wholeCommand: [String]

  /// Commands that have a second word.
  private static let groups: Set<String> = ["key", "benchmark", "debug"]

  /// Understands arguments, those of the program without its name.
  ///
  /// - Throws: `CommandFailure` for what is not there, and for what borg does not take.
  init(_ arguments: [[UInt8]]) throws(CommandFailure) {
    wholeCommand = Self.command(in: arguments)
    var words = arguments[...]
    while let word = words.popFirst() {
      if word == Array("--".utf8) {
        // In front of the command it ends nothing.
        if command.isEmpty { continue }
        rest = [word] + words
        break
      }
      if word.count > 2, word.starts(with: "--".utf8) {
        try long(word, &words)
      } else if word.count > 1, word.first == UInt8(ascii: "-") {
        try short(word, &words)
      } else if Self.isIncomplete(command) {
        command.append(String(decoding: word, as: UTF8.self))
        if let reason = BorgOption.absent(command) { throw reason }
      } else {
        add(word: word)
        // The following words belong to the program that `with-lock` runs.
        if command == ["with-lock"], wordCount == 2 {
          rest = Array(words)
          break
        }
      }
    }
    try complete()
  }

  private static func isIncomplete(_ command: [String]) -> Bool {
    command.isEmpty || (groups.contains(command[0]) && command.count == 1)
  }

  /// The words of the command, whatever stands in front of them and between.
  private static func command(in arguments: [[UInt8]]) -> [String] {
    var command: [String] = []
    var words = arguments[...]
    while isIncomplete(command), let word = words.popFirst() {
      let text = String(decoding: word, as: UTF8.self)
      guard word.count > 1, word.first == UInt8(ascii: "-") else {
        command.append(text)
        continue
      }
      if word.starts(with: "--".utf8) {
        let option = BorgOption.named(text, command, isInFront: command.isEmpty)
        if option?.takesValue == true { _ = words.popFirst() }
      } else {
        for (place, letter) in word.enumerated().dropFirst() {
          let name = "-" + String(decoding: [letter], as: UTF8.self)
          guard let option = BorgOption.named(name, command, isInFront: command.isEmpty) else {
            break
          }
          guard option.takesValue else { continue }
          if place + 1 == word.count { _ = words.popFirst() }
          break
        }
      }
    }
    return command
  }

  /// The option of a name where it stands now.
  private func option(_ name: String) -> BorgOption? {
    BorgOption.named(name, wholeCommand, isInFront: command.isEmpty)
  }

  /// The arguments for archivist's own parser, the program's name not among them.
  var arguments: [[UInt8]] {
    var result = command.map { Array($0.utf8) }
    // Words from the first on that looks like an option.
    var words: [[UInt8]] = []
    switch level {
    case .error: result.append(Array("--quiet".utf8))
    case .warning: break
    case .info: result.append(Array("--info".utf8))
    case .debug: result.append(Array("--debug".utf8))
    }
    for piece in pieces {
      switch piece {
      case .word(let bytes) where !words.isEmpty || Self.isLikeOption(bytes): words.append(bytes)
      case .word(let bytes), .flags(let bytes): result.append(bytes)
      case .option(let name, nil): result.append(Array(name.utf8))
      case .option(let name, let value?):
        // One letter takes no `=`; neither does an empty value.
        if name.utf8.count == 2 || value.isEmpty {
          result += [Array(name.utf8), value]
        } else {
          result.append(Array("\(name)=".utf8) + value)
        }
      }
    }
    let end = Array("--".utf8)
    guard !words.isEmpty else { return result + rest }
    return result + [end] + words + (rest.first == end ? Array(rest.dropFirst()) : rest)
  }

  private static func isLikeOption(_ word: [UInt8]) -> Bool {
    word.count > 1 && word.first == UInt8(ascii: "-")
  }

  // MARK: What replaces an option

  /// Says something at the beginning of the run, once.
  mutating func say(_ message: Message) {
    if !notices.contains(message) { notices.append(message) }
  }

  /// Appends an option of archivist's.
  mutating func add(_ name: String, _ value: [UInt8]? = nil) {
    pieces.append(.option(name, value: value))
  }

  /// Whether an option of archivist's was given.
  func has(_ name: String) -> Bool {
    pieces.contains { piece in
      if case .option(name, _) = piece { true } else { false }
    }
  }

  /// Whether nothing but the version is wanted.
  var asksForVersion: Bool { command.isEmpty && has("--version") }

  private mutating func remove(_ names: Set<String>) {
    pieces.removeAll { piece in
      if case .option(let name, _) = piece { names.contains(name) } else { false }
    }
  }

  private mutating func add(word: [UInt8]) {
    pieces.append(.word(word))
    wordCount += 1
  }

  // MARK: Reading

  private mutating func long(
    _ word: [UInt8], _ words: inout ArraySlice<[UInt8]>
  ) throws(CommandFailure) {
    let bytes = word.prefix { $0 != UInt8(ascii: "=") }
    let name = String(decoding: bytes, as: UTF8.self)
    let value = bytes.count < word.count ? Array(word[(bytes.count + 1)...]) : nil
    guard let option = option(name) else {
      // A word with a space in it that is no option is a path that begins with dashes.
      return name.contains(" ") ? add(word: word) : add(name, value)
    }
    guard option.takesValue else {
      guard value == nil else { throw CommandFailure("\(name) takes no value") }
      return try apply(option, nil)
    }
    if let value { return try apply(option, value) }
    try apply(option, try next(&words, for: name))
  }

  /// Several flags in one word, or a flag and its value.
  private mutating func short(
    _ word: [UInt8], _ words: inout ArraySlice<[UInt8]>
  ) throws(CommandFailure) {
    for place in word.indices.dropFirst() {
      let name = "-" + String(decoding: [word[place]], as: UTF8.self)
      guard let option = option(name) else {
        let remaining = [UInt8(ascii: "-")] + word[place...]
        return place == 1 && word.contains(UInt8(ascii: " "))
          ? add(word: word) : pieces.append(.flags(remaining))
      }
      if option.takesValue {
        let joined = word[(place + 1)...].drop { place == 1 && $0 == UInt8(ascii: "=") }
        return try apply(
          option, try place + 1 < word.count ? Array(joined) : next(&words, for: name))
      }
      try apply(option, nil)
    }
  }

  private func next(
    _ words: inout ArraySlice<[UInt8]>, for name: String
  ) throws(CommandFailure) -> [UInt8] {
    guard let value = words.popFirst() else {
      throw CommandFailure("\(name): the value is missing")
    }
    return value
  }

  private mutating func apply(_ option: BorgOption, _ value: [UInt8]?) throws(CommandFailure) {
    switch option.meaning {
    case .kept: add(option.names[0], value)
    case .renamed(let name): add(name, value)
    case .dropped: break
    case .replaced(let replace): try replace(&self, value ?? [])
    }
  }

  // MARK: What depends on everything

  /// Mends what only the whole command line says.
  private mutating func complete() throws(CommandFailure) {
    if let figures, has("--dry-run") {
      say("Ignoring \(figures). It is not supported when using --dry-run.")
      remove(["--stats"])
    }
    switch command.first {
    case nil:
      // `borg`, or `borg --help`.
      break
    case "init":
      guard has("--encryption") || has("--help") || has("-h") else {
        throw CommandFailure("init: -e/--encryption is required")
      }
    case "list", "info": removeSelectionFromArchive()
    case "check":
      removeSelectionFromArchive()
      completeCheck()
    case "benchmark": dropRepositoryOfBenchmark()
    default: break
    }
  }

  /// borg takes what selects archives with an archive as well, and does not look at it.
  private mutating func removeSelectionFromArchive() {
    guard namesArchive else { return }
    remove([
      "--glob-archives", "--prefix", "--sort-by", "--first", "--last", "--consider-checkpoints",
    ])
  }

  /// Whether the first argument is `REPOSITORY::ARCHIVE`.
  private var namesArchive: Bool {
    for case .word(let bytes) in pieces {
      guard let colons = bytes.firstIndex(ofSubsequence: Array("::".utf8)) else { return false }
      return colons + 2 < bytes.count
    }
    return false
  }

  /// borg's check of the repository reads every byte, and so does what takes its place.
  private mutating func completeCheck() {
    let repositoryOnly = has("--repository-only"), archivesOnly = has("--archives-only")
    let verifiesData = has("--verify-data")
    if has("--repair") {
      // A repair looks at everything.
      remove(["--repository-only", "--archives-only"])
      if !verifiesData, !archivesOnly { add("--verify-data") }
    } else if has("--max-duration") {
      remove(["--verify-data", "--archives-only"])
    } else if repositoryOnly, !verifiesData {
      remove(["--repository-only"])
      add("--storage-only")
    } else if archivesOnly, verifiesData {
      remove(["--archives-only"])
    } else if !archivesOnly, !verifiesData {
      add("--verify-data")
    }
  }

  /// The benchmark makes a repository of its own, so that it needs no other.
  private mutating func dropRepositoryOfBenchmark() {
    guard command == ["benchmark", "crud"], wordCount == 2 else { return }
    let first = pieces.firstIndex { if case .word = $0 { true } else { false } }
    if let first { pieces.remove(at: first) }
  }
}
