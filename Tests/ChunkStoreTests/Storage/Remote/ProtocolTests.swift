import Glibc
import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct ProtocolTests {
  private static let digest = Digest256(bigEndianWords: 1, 2, 3, 4)

  static let requests: [Request] =
    [
      .open(path: "/backup/ä", makes: true, makesParents: true),
      .open(path: "rel", makes: false, makesParents: false),
      .get(.config(3), nil), .get(.object(.segment, digest), 5..<70_000),
      .get(.object(.lease, digest), 0..<0), .put(.object(.archive, digest), [1, 2, 3]),
      .begin, .piece([9]), .piece([]), .commit(.object(.index, digest)), .abort, .generations,
      .delete(.config(.max)), .settle([.segment, .index]), .settle([]), .removeAbandonedUploads,
      .releaseReserve, .restoreReserve, .ping, .goodbye,
      .setAside(.object(.segment, Digest256(bigEndianWords: 1, 2, 3, 4))),
    ] + ObjectName.Kind.allCases.map { .list($0) }

  @Test(arguments: requests)
  func `a request is decoded as what it was`(request: Request) throws {
    let frame = request.frame(id: 77)
    #expect(frame.id == 77)
    #expect(try Request(decoding: frame) == request)
  }

  @Test(arguments: requests)
  func `no part of a request makes a decoder fall`(request: Request) {
    let frame = request.frame(id: 1)
    for count in 0...frame.body.count {
      let cut = Frame(kind: frame.kind, id: 1, body: Array(frame.body.prefix(count)))
      _ = try? Request(decoding: cut)
    }
  }

  @Test(arguments: [
    StorageError.notFound("a"), .missingRepository("b"), .notARepository("c"),
    .locationNotEmpty("d"), .noSpace("e"), .system(path: "f", operation: "g", code: EIO),
    .damaged("h", "i"), .refused("j"), .quotaExceeded("k"), .connection(.unknownRequest("l")),
  ])
  func `an error arrives as what it was`(error: StorageError) throws {
    #expect(try Answer(decoding: Answer.failed(error).frame(id: 1)) == .failed(error))
  }

  @Test func `an error of a later version is told by its words`() throws {
    var writer = ByteWriter()
    writer.byte(200)
    writer.integer(UInt32(0))
    writer.blob("something new".utf8)
    writer.blob("".utf8)
    let answer = try Answer(decoding: Frame(kind: 130, id: 1, body: writer.bytes))
    #expect(answer == .failed(.refused("something new")))
  }

  @Test(arguments: [0, 4, 5 + Frame.maximumBody + 1, Int(UInt32.max)])
  func `a length that no frame has is refused before anything is allocated`(length: Int) {
    var writer = ByteWriter()
    writer.integer(UInt32(length))
    writer.zeros(5)
    var reader = ByteReader(writer.bytes)
    #expect(throws: FormatError.self) { try Frame.decode(header: &reader) }
  }

  @Test func `a request that is not known is answered, and the connection goes on`() throws {
    let directory = try TemporaryDirectory()
    let server = TestServer(path: "\(directory.path)/repository")
    _ = try LocalStorage.create(path: server.path)
    let client = try RawClient(server, opening: server.path)
    try client.channel.send(Frame(kind: 99, id: 3, body: [1, 2, 3]))
    guard case .failed(.connection(.unknownRequest)) = try client.hear() else {
      Issue.record("no such answer")
      return
    }
    #expect(try client.ask(.generations).isDone)
  }

  @Test func `a later hello with more in it is understood`() throws {
    var hello = Hello(oldest: 1, newest: 9, features: 0xff, software: "archivist 9.9").encoded
    hello += [1, 2, 3]
    hello[9] += 3
    let (here, there) = TestServer.socketPair()
    let channel = Channel(input: here, output: here)
    let other = Channel(input: there, output: there)
    try other.send(raw: hello)
    let read = try Hello.read(from: channel)
    #expect(read.newest == 9 && read.software == "archivist 9.9")
    #expect(Hello().common(with: read) == 1)
  }

  @Test func `the newest common version is spoken`() {
    let old = Hello(oldest: 1, newest: 2)
    #expect(Hello(oldest: 1, newest: 5).common(with: old) == 2)
    #expect(Hello(oldest: 2, newest: 5).common(with: old) == 2)
    #expect(Hello(oldest: 3, newest: 5).common(with: old) == nil)
  }

  @Test(arguments: ["Welcome to host!\n", "x", "\u{89}ARC other"])
  func `a shell that speaks first is quoted`(noise: String) throws {
    let (here, there) = TestServer.socketPair()
    let other = Channel(input: there, output: there)
    try other.send(raw: Array(noise.utf8))
    _ = shutdown(there, Int32(SHUT_WR))
    let failure = #expect(throws: ConnectionFailure.self) {
      try RemoteConnection(Channel(input: here, output: here))
    }
    #expect(failure == .noise(Array(noise.utf8)))
  }

  @Test func `a server that is too old, or too new, is named`() throws {
    for (hello, isOld) in [
      (Hello(oldest: 0, newest: 0, software: "archivist 0.0"), true),
      (Hello(oldest: 7, newest: 8, software: "archivist 8"), false),
    ] {
      let server = TestServer(path: "/nonexistent", hello: hello)
      let failure = #expect(throws: ConnectionFailure.self) {
        try RemoteConnection(try server.connect())
      }
      switch failure {
      case .serverOutdated(let software, _, _): #expect(isOld && software == "archivist 0.0")
      case .clientOutdated(let software, _, _): #expect(!isOld && software == "archivist 8")
      default: Issue.record("\(String(describing: failure))")
      }
    }
  }
}
