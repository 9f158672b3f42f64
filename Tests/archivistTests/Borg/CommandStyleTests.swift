import ChunkStore
import StoreCrypto
import Testing

@testable import archivist

@Suite struct `A command's style` {
  func environment(_ variables: [String: String]) -> Environment {
    Environment(value: { variables[$0].map { Array($0.utf8) } }, remove: { _ in })
  }

  @Test(arguments: [
    ("archivist", CommandStyle.native), ("/usr/bin/archivist", .native), ("borg", .borg),
    ("/usr/local/bin/borg", .borg), ("borg-linux64", .borg), ("/borg/archivist", .native),
    ("borgmatic", .native), ("", .native),
  ])
  func `is that of the name it was called by`(program: String, style: CommandStyle) throws {
    #expect(
      try CommandStyle.of(program: Array(program.utf8), environment: environment([:])) == style)
  }

  @Test func `can be asked for`() throws {
    let borg = environment(["ARCHIVIST_COMPAT": "borg"])
    #expect(try CommandStyle.of(program: [], environment: borg) == .borg)
    let other = environment(["ARCHIVIST_COMPAT": "restic"])
    #expect(throws: CommandFailure.self) {
      try CommandStyle.of(program: [], environment: other)
    }
  }

  @Test func `decides whose variables name directories`() throws {
    let id = RepositoryID(bigEndianWords: 7, 7, 7, 7)
    let variables = [
      "HOME": "/h", "BORG_BASE_DIR": "/b", "BORG_CACHE_DIR": "/c", "BORG_KEYS_DIR": "/k",
      "BORG_SECURITY_DIR": "/s",
    ]
    let borg = ClientDirectories(environment(variables), style: .borg)
    #expect(borg.cache == "/c" && borg.config == "/s")
    #expect(borg.keyFile(id) == "/k/\(id.hex)")
    let native = ClientDirectories(environment(variables), style: .native)
    #expect(!native.cache.contains("/c/") && !native.config.hasPrefix("/b"))
    let based = ClientDirectories(environment(["BORG_BASE_DIR": "/b"]), style: .borg)
    #expect(based.cache == "/b/.cache/archivist" && based.config == "/b/.config/archivist")
    #expect(based.keyFile(id) == "/b/.config/archivist/keys/\(id.hex)")
    let only = ClientDirectories(
      environment(["BORG_CONFIG_DIR": "/x", "BORG_KEY_FILE": "/one"]), style: .borg)
    #expect(only.config == "/x" && only.keyFile(id) == "/one")
  }
}

@Suite struct `A name` {
  @Test(arguments: [
    ("a.checkpoint", true), ("a.checkpoint.1", true), ("a.checkpoint.x", false), ("a", false),
    ("a.checkpoint.", false), ("checkpoint", false), ("a.1", false),
  ])
  func `of a checkpoint is told from others`(name: String, isOne: Bool) {
    #expect(CheckpointName.isOne(name) == isOne)
  }
}

@Suite struct `Source paths` {
  @Test(arguments: [
    ("etc", "/etc"), ("etc/x/y", "/etc/x/y"), ("home/a", "home/a"), ("up", "../up"),
    ("up/b", "../up/b"), ("kept/c", "/stripped/kept/c"), ("other", "other"),
  ])
  func `are those of the roots`(archived: String, source: String) throws {
    let roots = try WalkRoot.roots(
      ["/etc", "./home", "../up", "/stripped/./kept"].map { Array($0.utf8) })
    let path = try ArchivePath(Array(archived.utf8))
    #expect(SourcePaths(roots).source(of: path) == Array(source.utf8))
  }

  @Test func `of the current directory and of everything`() throws {
    let path = try ArchivePath(Array("x".utf8))
    let here = SourcePaths([try WalkRoot(Array(".".utf8))])
    #expect(here.source(of: path) == Array("x".utf8) && here.source(of: .root) == [0x2E])
    let all = SourcePaths([try WalkRoot(Array("/".utf8))])
    #expect(all.source(of: path) == Array("/x".utf8) && all.source(of: .root) == [0x2F])
  }
}
