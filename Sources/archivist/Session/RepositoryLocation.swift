/// `REPO::ARCHIVE` on the command line.
///
/// Without a repository in front of `::`, or without anything, `ARCHIVIST_REPO` (or `BORG_REPO`)
/// says which one is meant.
struct RepositoryLocation: Equatable {
  /// The directory of the repository; `ssh://…` if it is on another machine.
  var path: String
  /// The text behind `::`, placeholders not yet replaced; `nil` if there is no `::`.
  var archive: [UInt8]?

  /// Why an argument names no repository.
  enum Invalid: Error, Equatable, CustomStringConvertible {
    case missing
    case notUTF8([UInt8])
    case unsupported(String)
    /// One colon, or something else, stands where two colons were meant.
    case archiveMeant(String, meant: String, host: String?)
    case archiveUnwanted(String)

    var description: String {
      switch self {
      case .missing:
        "no repository is named: its directory is the first argument of each command, or set "
          + "ARCHIVIST_REPO"
      case .notUTF8(let bytes):
        "\(NameText.replacingInvalid(NameText.display(bytes))): "
          + "the path of a repository has to be UTF-8"
      case .unsupported(let text):
        "\(text): a repository is in a directory of this machine, or at ssh://[USER@]HOST[:PORT]/PATH "
          + "or [USER@]HOST:PATH; for a path of this machine with ':' in it write ./PATH"
      case .archiveMeant(let text, let meant, let host):
        "\(text): an archive is named behind two colons; did you mean \(meant)?"
          + (host.map { " A directory of the machine \($0) is ssh://\($0)/PATH" } ?? "")
      case .archiveUnwanted(let text):
        "\(text): the repository is wanted here, without ::ARCHIVE"
      }
    }
  }

  init(_ argument: BytesArgument?, environment: Environment) throws(Invalid) {
    let colons = Array("::".utf8)
    var repository = argument?.bytes ?? []
    archive = nil
    // Behind the brackets of an address such as [::1].
    let start = Self.endOfBrackets(repository)
    if let found = Array(repository[start...]).firstIndex(ofSubsequence: colons) {
      let at = start + found
      archive = Array(repository[(at + 2)...])
      repository = Array(repository[..<at])
    }
    if repository.isEmpty {
      guard let fallback = environment.nonEmpty("ARCHIVIST_REPO", "BORG_REPO") else {
        throw .missing
      }
      repository = fallback
    }
    guard let text = String(validating: repository, as: UTF8.self) else {
      throw .notUTF8(repository)
    }
    if text.hasPrefix("file://") {
      path = String(text.dropFirst("file://".count))
    } else if text.contains("://"), !text.hasPrefix("ssh://") {
      throw .unsupported(text)
    } else if text.hasPrefix("ssh://") || Self.isShortAddress(text) {
      guard let address = RemoteAddress(text) else { throw .unsupported(text) }
      path = address.url
    } else {
      path = text
    }
  }

  /// Whether the environment names a repository, for commands that are given none.
  static func isInEnvironment(_ environment: Environment) -> Bool {
    environment.nonEmpty("ARCHIVIST_REPO", "BORG_REPO") != nil
  }

  /// Where the address of a host in brackets ends; the beginning, if there is none.
  private static func endOfBrackets(_ text: [UInt8]) -> Int {
    let slashes = Array("ssh://".utf8)
    let start = text.starts(with: slashes) ? slashes.count : 0
    let host = text[start...].prefix { $0 != UInt8(ascii: "/") }
    guard let open = host.firstIndex(of: UInt8(ascii: "[")),
      open == start || text[open - 1] == UInt8(ascii: "@"),
      let close = host.firstIndex(of: UInt8(ascii: "]"))
    else { return 0 }
    return close
  }

  /// Whether a text is `host:path`; a slash in front of the colon makes it a path.
  private static func isShortAddress(_ text: String) -> Bool {
    guard let colon = text.firstIndex(of: ":") else { return false }
    return !text[..<colon].contains("/")
  }
}
