import ArgumentParser
import ChunkStore

struct BreakLock: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "End the leases of operations that are not running any more.",
    discussion: """
      archivist break-lock /backup/repo

      Only needed if `compact` says that it waits for an operation of another machine that you \
      know to be gone. A backup whose lease is ended while it runs notices it, and checks or \
      fails.
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions

  @Argument(help: .repository)
  var location: BytesArgument?

  func run() throws {
    let session = Session(global)
    let repository = try session.open(try session.repositoryLocation(location).path)
    let ended = try repository.breakLeases(all: true)
    for operation in ended {
      try session.output.write("Ended the lease of \(line: "\(operation)").\n" as Message)
    }
    if ended.isEmpty { session.conclude(.noLeases) }
    try session.output.finish()
  }
}
