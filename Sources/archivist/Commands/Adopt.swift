import ArgumentParser
import ChunkStore
import Crypto

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
    let (present, missing) = try ClientMemory(session).adopt(repository, isOnly: only)
    let sealed = repository.suite.encrypts ? "" : ", which is not encrypted"
    var text =
      "\(path): accepted as repository \(repository.id.hex.prefix(12))\(sealed), with "
      + "\(HumanText.count(present, "archive")) of this client"
    if missing > 0 {
      let others = HumanText.count(missing, "archive")
      text +=
        only
        ? "; \(others) need not be there any more" : "; \(others) only in another copy"
    }
    try session.output.write("\(line: text).\n" as Message)
    try session.output.finish()
  }
}
