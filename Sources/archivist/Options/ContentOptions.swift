import ArgumentParser
import ChunkStore
import Glibc

/// Where contents come from, and which of them are read.
struct ContentOptions: ParsableArguments {
  @Option(
    help:
      "What must be equal for a file to count as unchanged: ctime,size,inode; mtime,…; rechunk,…; disabled."
  )
  var filesCache = FilesCacheMode.default

  @Option(help: "Notice that a file changes while it is read by its ctime or mtime, or not at all.")
  var filesChanged = FilesChangedMode.ctime

  @Flag(help: "Read devices and FIFOs, and links to them, as if they were regular files.")
  var readSpecial = false

  @Flag(help: "Run PATH with its arguments, and archive what it prints.")
  var contentFromCommand = false

  @Option(help: "The path in the archive of what comes from standard input or a command.")
  var stdinName = BytesArgument(Array("stdin".utf8))

  @Option(help: "The permissions of that file, in octal.")
  var stdinMode = OctalMode(value: 0o660)

  @Option(help: "The owner of that file, by name or number.")
  var stdinUser: BytesArgument?

  @Option(help: "The group of that file, by name or number.")
  var stdinGroup: BytesArgument?

  /// The path argument that stands for standard input.
  static let standardInput = Array("-".utf8)

  /// Whether standard input is read as a content.
  func readsInput(_ paths: [BytesArgument]) -> Bool {
    !contentFromCommand && paths.contains { $0.bytes == Self.standardInput }
  }

  /// The paths to walk through.
  func walked(_ paths: [BytesArgument]) -> [[UInt8]] {
    contentFromCommand ? [] : paths.map(\.bytes).filter { $0 != Self.standardInput }
  }

  /// Sets which contents a run reads, and how.
  func apply(to options: inout BackupRun.Options) {
    options.cacheMode = filesCache
    options.changes = filesChanged
    options.readsSpecialFiles = readSpecial
  }

  /// The file that a content out of a pipe becomes.
  func file(_ source: any ContentSource, now: Timestamp, numericIDs: Bool) throws -> StreamedFile {
    let path: ArchivePath
    do throws(FormatError) {
      let slash = UInt8(ascii: "/")
      path = try ArchivePath(Array(stdinName.bytes.drop { $0 == slash }))
      guard path != .root else { throw .unsafePath }
    } catch {
      throw CommandFailure("--stdin-name \(name: stdinName.bytes): not a path in an archive")
    }
    let names = OwnerNames()
    let uid = try stdinUser.map {
      try number($0, "--stdin-user", "user", names.userID)
    }
    let gid = try stdinGroup.map {
      try number($0, "--stdin-group", "group", names.groupID)
    }
    var item = Item(
      path: path, mode: 0o100000 | stdinMode.value, uid: uid ?? 0, gid: gid ?? 0, mtime: now)
    if !numericIDs {
      item.user = names.user(item.uid)
      item.group = names.group(item.gid)
    }
    return StreamedFile(item: item, source: source)
  }

  private func number(
    _ owner: BytesArgument, _ option: Message, _ kind: Message, _ find: ([UInt8]) -> UInt32?
  ) throws -> UInt32 {
    if let id = find(owner.bytes) ?? UInt32(String(decoding: owner.bytes, as: UTF8.self)) {
      return id
    }
    throw CommandFailure("\(option) \(name: owner.bytes): there is no such \(kind)")
  }
}

/// Permissions as an argument: an octal number.
struct OctalMode: ExpressibleByArgument, Equatable, Sendable {
  /// The permissions, with setuid, setgid and sticky.
  var value: UInt32

  init(value: UInt32) { self.value = value }

  init?(argument: String) {
    // Type bits, as borg takes and drops them, are dropped.
    guard let value = UInt32(argument, radix: 8) else { return nil }
    self.value = value & 0o7777
  }

  var defaultValueDescription: String { "0" + String(value, radix: 8) }
}
