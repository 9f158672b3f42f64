import ArgumentParser
import ChunkStore
import LinuxSystem

struct Rename: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Give an archive another name.",
    discussion: "archivist rename /backup/repo::2026-11-21 before-the-upgrade")

  @OptionGroup(title: "Common Options") var global: GlobalOptions

  @Argument(help: .archive)
  var location: BytesArgument

  @Argument(help: "The new name; may hold placeholders.")
  var newName: BytesArgument

  func run() throws {
    let session = Session(global)
    let (path, name) = try session.archiveLocation(location)
    let expanded = try session.placeholders(now: SystemClock.now).expand(newName.bytes)
    guard let new = String(validating: expanded, as: UTF8.self) else {
      throw CommandFailure("\(name: expanded): the name of an archive has to be UTF-8")
    }
    guard session.style == .native || !new.contains("::") else {
      throw CommandFailure("\(name: expanded): the name of an archive has no :: in it")
    }
    let place = location.bytes.dropLast(name.count)
    guard !expanded.starts(with: place) else {
      let bare = Array(newName.bytes.dropFirst(place.count))
      throw CommandFailure(
        "the new name stands alone, without the repository; did you mean "
          + "\(MeantLine.replacing(newName.bytes, with: bare) ?? "\(name: bare)")?")
    }
    let repository = try session.open(path)
    let archive = try session.archive(name, in: repository)
    try repository.rename(archive, to: new, problem: session.warn)
    session.conclude(.renamed(from: Array(archive.name.utf8), to: Array(new.utf8)))
  }
}
