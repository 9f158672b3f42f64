import Glibc
import LinuxSystem
import Testing

@testable import ChunkStore
@testable import archivist

@Suite struct PrivateFileTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private let secret = Array("secret\n".utf8)

  @Test func `a file is replaced as a whole, by one that nobody else may read`() throws {
    try directory.shell("mkdir a; echo old > a/f; chmod 644 a/f; ln a/f other")
    try PrivateFile.write(secret, to: directory("a/f"))
    try directory.shell(
      "test $(cat a/f) = secret; test $(cat other) = old; test $(stat -c %a a/f) = 600; test $(ls a) = f"
    )
  }

  @Test func `a link in its place, or in that of what is written aside, is not written through`()
    throws
  {
    try directory.shell(
      "echo precious > there; ln -s there f; ln -s there f.new")
    try PrivateFile.write(secret, to: directory("f"))
    try directory.shell("test $(cat f) = secret; test ! -L f; test $(cat there) = precious")
  }

  @Test func `what a killed process has left goes with the next write`() throws {
    try directory.shell("echo half > f.new")
    try PrivateFile.write(secret, to: directory("f"))
    try directory.shell("test $(cat f) = secret; test $(ls) = f")
  }

  @Test func `who is writing is waited for`() throws {
    try directory.shell("touch f.new")
    let other = PrivateFile.open(directory("f.new"), O_WRONLY)
    try #require(other >= 0 && flock(other, LOCK_EX) == 0)
    let group = ThreadGroup()
    group.start("write") { [secret, path = directory("f")] in
      try PrivateFile.write(secret, to: path)
    }
    usleep(100_000)
    try directory.shell("test ! -e f; echo first > f.new; mv f.new f")
    close(other)
    try group.join()
    try directory.shell("test $(cat f) = secret; test $(ls) = f")
  }

  @Test func `of changes that are made at once none is lost`() throws {
    let group = ThreadGroup()
    for thread in 0..<4 {
      group.start("\(thread)") { [path = directory("f")] in
        for _ in 0..<10 {
          try PrivateFile.update(path) { ($0 ?? []) + Array("\(thread)\n".utf8) }
        }
      }
    }
    try group.join()
    try directory.shell("test $(wc -l < f) = 40; test $(grep -c 3 f) = 10; test $(ls) = f")
  }

  @Test func `what is not to be changed stays as it is`() throws {
    try directory.shell("echo old > f; ln f same")
    try PrivateFile.update(directory("f")) { _ in nil }
    try directory.shell("test f -ef same; test $(ls | wc -l) = 2")
  }

  @Test(arguments: ["mkfifo f", "mkdir f", "mkfifo there; ln there f; rm there"])
  func `what is no file stays`(make: String) throws {
    try directory.shell(make)
    #expect(throws: SystemError.self) { try PrivateFile.write(secret, to: directory("f")) }
    try directory.shell("test ! -f f; test -e f; test $(ls | wc -l) = 1")
  }

  @Test(arguments: ["echo there > f", "ln -s there f", "ln -s nowhere f", "mkdir f"])
  func `an export replaces nothing`(make: String) throws {
    try directory.shell("echo there > there; \(make)")
    #expect(throws: CommandFailure.self) { try PrivateFile.export(secret, to: directory("f")) }
    try directory.shell("test $(cat there) = there; test ! -e nowhere; test -e f -o -L f")
  }

  @Test func `an export is a new file for us alone`() throws {
    try PrivateFile.export(secret, to: directory("f"))
    try directory.shell("test $(cat f) = secret; test $(stat -c %a f) = 600; test $(ls) = f")
  }
}
