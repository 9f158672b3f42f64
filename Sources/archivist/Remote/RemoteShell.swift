import ChunkStore
import Glibc

/// How the server is started on another machine: `ssh`, or what the user has put in its place.
struct RemoteShell: Sendable {
  /// The program, and options of its own.
  var words: [[UInt8]]
  /// The name of archivist at the other end.
  var remotePath: String
  var upload: RateLimit?
  var download: RateLimit?

  /// From the options, else the environment.
  init(
    _ options: GlobalOptions, environment: Environment, style: CommandStyle = .native
  ) throws {
    let line =
      options.rsh.map { Array($0.utf8) } ?? environment.nonEmpty("ARCHIVIST_RSH", "BORG_RSH")
      ?? Array("ssh".utf8)
    do throws(ShellWords.Malformed) {
      words = try ShellWords.split(line)
    } catch {
      throw CommandFailure("--rsh: \(error)")
    }
    guard !words.isEmpty else { throw CommandFailure("--rsh: names no program") }
    remotePath =
      options.remotePath ?? environment.text("ARCHIVIST_REMOTE_PATH")
      // Otherwise what borg's variable names is borg.
      ?? (style == .borg ? environment.text("BORG_REMOTE_PATH") : nil) ?? "archivist"
    upload = options.uploadRatelimit.flatMap { RateLimit(kibibytesPerSecond: $0) }
    download = options.downloadRatelimit.flatMap { RateLimit(kibibytesPerSecond: $0) }
  }

  /// The command that reaches the server.
  func command(for address: RemoteAddress) -> [[UInt8]] {
    var command = words
    if let port = address.port { command += [Array("-p".utf8), Array("\(port)".utf8)] }
    let host = address.user.map { "\($0)@\(address.host)" } ?? address.host
    return command + [Array(host.utf8), Array("\(remotePath) serve".utf8)]
  }

  /// Starts it.
  ///
  /// What it says on standard error is seen by the user, as are its questions on the terminal.
  func connect(
    to address: RemoteAddress
  ) throws(ConnectionFailure) -> (channel: Channel, end: @Sendable () -> Void) {
    do throws(ChildProcess.Failure) {
      let carrier = try CarrierProcess(command(for: address))
      let channel = Channel(
        input: carrier.output, output: carrier.input, patience: 120, upload: upload,
        download: download)
      return (channel, { carrier.end() })
    } catch {
      throw .lost("\(NameText.replacingInvalid(NameText.display(words[0]))) \(error.description)")
    }
  }
}
