import ArgumentParser
import ChunkStore
import LinuxSystem
import StoreCrypto

struct Adopt: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Accept what is in the place of a repository, for this client.",
    discussion: """
      archivist adopt /mnt/usb/repo
      archivist adopt --only /backup/repo

      Changes what this client remembers, and nothing in the repository. It is needed where a client \
      refuses what it finds, and you know why it is so: another repository is in the place of one \
      that it knows; an old copy was put back; or a copy of a repository, made with `cp -a` say, is \
      written to on its own. From then on the client remembers for each copy by itself which archives \
      have to be there. `archivist copy` brings archives from one copy to the other.
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions

  @Argument(help: .repository)
  var location: BytesArgument?

  @Flag(
    help: """
      What used to be there, and other copies of this repository, are no more: forget what had to be \
      in them.
      """)
  var only = false

  func run() throws {
    let session = Session(global)
    let path = try session.repositoryLocation(location).path
    let repository = try session.open(path, adopts: true)
    let adoption = try adopt(repository, session)
    let sealed = repository.suite.encrypts ? "" : ", which is not encrypted"
    var text =
      "\(path): accepted as repository \(repository.id.hex.prefix(12))\(sealed), with "
      + "\(HumanText.count(adoption.present, "archive")) of this client"
    if adoption.missing > 0 {
      let others = HumanText.count(adoption.missing, "archive")
      text +=
        only
        ? "; \(others) need not be there any more" : "; \(others) only in another copy"
    }
    if adoption.turns > 0, adoption.missing > 0 {
      text +=
        adoption.turns == 1
        ? ". It takes turns with the copy that was here before; `--only` forgets that one"
        : ". It takes turns with \(adoption.turns) copies that were here before; `--only` forgets those"
    } else if adoption.turns > 0, adoption.present > 0 {
      text +=
        ". Nothing is missing that has to be here. A copy that was here before and comes back is accepted as "
        + "well, unless `--only` is given"
    }
    try session.output.write("\(line: text).\n" as Message)
    for path in adoption.forgotten {
      session.report.notice(
        "\(path): this is one of more than \(RememberedRepository.copyLimit) copies, and was not written to "
          + "for the longest time: what has to be there is not remembered any more")
    }
    try session.output.finish()
  }

  private func adopt(
    _ repository: Repository, _ session: Session
  ) throws -> RememberedRepository.Adoption {
    do {
      return try ClientMemory(session).adopt(repository, isOnly: only)
    } catch let error as SystemError {
      throw CommandFailure(
        "\(name: error.path): \(error.reason) (\(error.operation)): what this client remembers of "
          + "repositories cannot be changed. ARCHIVIST_CONFIG_DIR names another directory")
    }
  }
}
