import ChunkStore
import Glibc
import Testing

@testable import archivist

@Suite struct WalkRootTests {
  @Test(arguments: [
    ("/", "/", ""), (".", ".", ""), ("./", ".", ""), ("..", "..", ""), ("../..", "../..", ""),
    ("/etc/", "/etc", "etc"), ("//etc//ssl", "/etc/ssl", "etc/ssl"), ("./a/b", "a/b", "a/b"),
    ("../../a", "../../a", "a"), ("a/../b", "b", "b"), ("/../a", "/a", "a"), ("...", "...", "..."),
    ("a/b/..", "a", "a"),
  ])
  func `a root is made normal, and archived without leading slash and dots`(
    _ given: String, _ location: String, _ path: String
  ) throws {
    let root = try WalkRoot(bytes(given))
    #expect(text(root.location) == location)
    #expect(text(root.path.bytes) == path)
    #expect(root.patternPath == bytes(String(location.drop { $0 == "/" })))
  }

  @Test(arguments: [
    ("/srv/snapshot/./home/me", "/srv/snapshot/home/me", "home/me", "srv/snapshot/home/me"),
    ("srv/./", "srv", "", "srv"), ("../a/./b", "../a/b", "b", "../a/b"), ("/./a", "/a", "a", "a"),
  ])
  func `what stands before a lone dot is stripped`(
    _ given: String, _ location: String, _ path: String, _ patternPath: String
  ) throws {
    let root = try WalkRoot(bytes(given))
    #expect(text(root.location) == location)
    #expect(text(root.path.bytes) == path)
    #expect(text(root.patternPath) == patternPath)
  }

  @Test(arguments: ["", "a\0b", "/a/./../b", "/a/./b/../../c"])
  func `an unusable path is refused`(_ given: String) {
    #expect(throws: WalkRootError.unusable(bytes(given))) { try WalkRoot(bytes(given)) }
  }

  @Test func `a path longer than an archive's is refused`() {
    #expect(throws: WalkRootError.self) { try WalkRoot([UInt8](repeating: 97, count: 65_536)) }
  }

  private func located(_ given: [String]) throws -> [String] {
    try WalkRoot.roots(given.map(bytes)).map { text($0.location) }
  }

  @Test func `roots come in the order of the archive, each once`() throws {
    #expect(
      try located(["/etc/ssl", "/home", "/etc-old", "/etc", "/home/", "/home/me", "/etc/a/b"])
        == ["/etc", "/etc/a/b", "/etc/ssl", "/etc-old", "/home", "/home/me"])
  }

  @Test func `a relative root is the same as an absolute one that leads to the same place`() throws
  {
    let here = text(try #require(currentDirectory()))
    #expect(try located(["/", "\(here)/a", here]) == ["/", here, "\(here)/a"])
    #expect(throws: WalkRootError.self) { try located([".", "\(here)/a"]) }
    #expect(throws: WalkRootError.self) { try located(["..", "."]) }
  }

  @Test func `two places that would be archived as one are an error that names both`() throws {
    let a = try WalkRoot(bytes("../x"))
    let b = try WalkRoot(bytes("/x"))
    #expect(throws: WalkRootError.sameArchivedPath(a, b)) {
      try WalkRoot.roots([a.given, b.given])
    }
    // One would end up inside the other.
    #expect(throws: WalkRootError.self) { try located(["/x", "../x/y"]) }
    #expect(throws: WalkRootError.self) { try located([".", "/etc"]) }
    #expect(throws: WalkRootError.self) { try located(["/snap/1/./home", "/home/me"]) }
    #expect(
      try located(["/snap/1/./home", "/snap/1/./home/me"]) == ["/snap/1/home", "/snap/1/home/me"])
  }

  private func currentDirectory() -> [UInt8]? {
    guard let path = unsafe getcwd(nil, 0) else { return nil }
    defer { unsafe free(path) }
    return unsafe Array(UnsafeRawBufferPointer(start: path, count: strlen(path)))
  }
}
