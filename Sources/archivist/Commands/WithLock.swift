import ArgumentParser
import ChunkStore
import Glibc

struct WithLock: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "with-lock",
    abstract: "Run a command while nothing in the repository is freed.",
    discussion: """
      archivist with-lock /backup/repo rsync -a /backup/repo/ offsite:repo/

      Backups go on meanwhile; `compact` frees nothing that was there when the command began. The \
      exit code is the command's, or 2 (modern: 74) if the protection was lost meanwhile: by `break-lock`, \
      or because this machine slept.
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions

  @Argument(help: ArgumentHelp("The repository.", valueName: "repository"))
  var location: BytesArgument

  @Argument(
    parsing: .captureForPassthrough,
    help: ArgumentHelp("The command, and its arguments.", valueName: "command"))
  var command: [BytesArgument]

  func run() throws {
    let session = Session(global)
    let repository = try session.open(try session.repositoryLocation(location).path)
    var words = command.map(\.bytes)
    if words.first == Array("--".utf8) { words.removeFirst() }
    let status = try repository.withLease("with-lock") { () -> ExitStatus? in
      do throws(ChildProcess.Failure) {
        try ChildProcess.run(words)
      } catch .failed(let status) {
        return .command(status)
      } catch .killed(let signal) {
        return .signal(signal)
      } catch {
        throw CommandFailure(
          "\(name: words.first ?? []) \(error.description)", status: .command(127))
      }
      return nil
    }
    if let status { Exit.leave(status) }
  }
}
