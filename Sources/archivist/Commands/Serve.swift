import ArgumentParser
import ChunkStore
import Glibc
import StoreCrypto

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve repositories of this machine to a client at the other end of ssh.",
    discussion: """
      Started by the client through ssh; there is no need to run it by hand. In \
      ~/.ssh/authorized_keys a key can be bound to it, with restrictions that no client gets around:

      archivist serve --append-only --restrict-to-path /backup/web

      is what restrict,command="…" in front of a public key would hold.

      The server needs no passphrase and never sees a key.
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions

  @Option(
    help: ArgumentHelp(
      "Serve only repositories in this directory; may be given several times.", valueName: "path"))
  var restrictToPath: [BytesArgument] = []

  @Option(
    help: ArgumentHelp(
      "Serve only this repository; may be given several times.", valueName: "path"))
  var restrictToRepository: [BytesArgument] = []

  @Flag(help: "Let clients add archives, and remove or replace nothing.")
  var appendOnly = false

  @Flag(help: "Let clients read, and change nothing.")
  var readOnly = false

  @Option(
    help: """
      The permissions that files and directories of new repositories lack, in octal: 007 lets the group \
      use them.
      """)
  var umask: FileModeMask?

  @Option(
    help: ArgumentHelp(
      "Refuse what would make all repositories that the client may reach take more: 500M, 1.5T.",
      valueName: "size"))
  var storageQuota: SizeArgument?

  func run() throws {
    let session = Session(global)
    guard isatty(STDIN_FILENO) == 0 else {
      throw CommandFailure(
        "`archivist serve` is started by a client through ssh: give it a repository as "
          + "ssh://HOST/PATH")
    }
    let signals = SignalWatch.process
    let client = session.environment.text("SSH_CONNECTION") ?? "a local client"
    let own = try policy()
    let asked = try Self.asked(session.environment)
    let report = session.report
    let channel = Channel(input: STDIN_FILENO, output: STDOUT_FILENO)
    // Then uploads are given up and leases ended, as when the client is lost.
    signals.handle { channel.end() }
    let server = ServerSession(
      channel,
      policies: asked.map { [own, $0] } ?? [own],
      software: "archivist \(Archivist.version)"
    ) { event in
      switch event {
      case .opened(let path): report.info("\(client): opened \(name: Array(path.utf8))")
      case .did(let what): report.info("\(client): \(what)")
      case .refused(let what): report.info("\(client): refused: \(what)")
      case .ended(let requests, let lost):
        let counted = requests.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        report.info(
          "\(client): ended after \(counted.isEmpty ? "nothing" : counted.joined(separator: ", "))"
            + (lost.map { "; the connection was lost, \(HumanText.count($0, "lease")) ended" } ?? "")
        )
      }
    }
    defer { if let number = signals.signal { Exit.leave(.signal(number)) } }
    try server.run()
  }

  /// The permissions that these options give a client.
  func policy() throws -> ServePolicy {
    ServePolicy(
      paths: try restrictToPath.map { try Self.text($0) },
      repositories: try restrictToRepository.map { try Self.text($0) },
      isAppendOnly: appendOnly, isReadOnly: readOnly, quota: storageQuota?.bytes, mode: umask?.mode)
  }

  private static func text(_ argument: BytesArgument) throws -> String {
    guard let text = String(validating: argument.bytes, as: UTF8.self), !text.isEmpty else {
      throw RepositoryLocation.Invalid.notUTF8(argument.bytes)
    }
    return text
  }

  /// The policy that a client with a forced command has asked for: it can restrict itself further,
  /// and that is all that is heard.
  ///
  /// - Throws: `CommandFailure` if it asked for another command.
  static func asked(_ environment: Environment) throws -> ServePolicy? {
    guard let line = environment.nonEmpty("SSH_ORIGINAL_COMMAND") else { return nil }
    let words: [[UInt8]]
    do throws(ShellWords.Malformed) {
      words = try ShellWords.split(line)
    } catch {
      throw CommandFailure("this key serves archivist only, and the command is malformed: \(error)")
    }
    // Variables in front are for a shell, which there is none of; then the program's name.
    let arguments = words.drop { $0.contains(UInt8(ascii: "=")) }.dropFirst()
    let asked: BorgCommandLine
    do throws(CommandFailure) {
      asked = try BorgCommandLine(Array(arguments))
    } catch {
      throw CommandFailure(
        "this key serves archivist only: \(name: line) was asked for, and not done")
    }
    guard asked.command == ["serve"] else {
      throw CommandFailure(
        "this key serves archivist only: \(name: line) was asked for, and not done")
    }
    do {
      return try Serve.parse(ArgumentBytes.encode(all: asked.arguments.dropFirst())).policy()
    } catch {
      throw CommandFailure(
        "this key serves archivist only, and the options of \(name: line) are not known")
    }
  }
}

/// A size as people write it: `500M`, `1.5T`; powers of 1000, as in borg.
struct SizeArgument: ExpressibleByArgument {
  let bytes: Int

  init?(argument: String) {
    var digits = argument[...]
    var factor = 1.0
    let units: [Character: Double] = ["K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15]
    if let last = digits.last, let unit = units[Character(last.uppercased())] {
      factor = unit
      digits.removeLast()
    }
    guard let number = Double(digits), let bytes = Int(exactly: (number * factor).rounded(.down)),
      bytes > 0
    else { return nil }
    self.bytes = bytes
  }
}
