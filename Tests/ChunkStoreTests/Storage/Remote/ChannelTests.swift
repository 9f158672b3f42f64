import Glibc
import LinuxSystem
import Testing

@testable import ChunkStore

@Suite struct ChannelTests {
  private let directory: TemporaryDirectory
  private let file: LocalFile
  private let bytes: [UInt8]
  private let speaker: Channel
  private let hearer: Channel

  init() throws {
    directory = try TemporaryDirectory()
    var random = PseudoRandomBytes(seed: 3)
    let bytes = random.bytes(3_000_000)
    self.bytes = bytes
    file = try LocalFile.open("\(directory.path)/file", flags: O_RDWR | O_CREAT, mode: 0o600)
    try file.write(bytes.span)
    let (there, back) = (TestServer.pipe(), TestServer.pipe())
    speaker = Channel(input: back.reading, output: there.writing, patience: 5)
    hearer = Channel(input: there.reading, output: back.writing, patience: 5)
  }

  /// The bytes heard while `speak` speaks, and then falls silent.
  private func hear(_ speak: @escaping @Sendable (Channel) throws -> Void) throws -> [Frame] {
    let group = ThreadGroup()
    group.start("speaker") { [speaker] in
      try speak(speaker)
      try speaker.send(Frame(kind: 99, id: 99))
    }
    var frames: [Frame] = []
    while let frame = try hearer.receive(), frame.kind != 99 { frames.append(frame) }
    try group.join()
    return frames
  }

  @Test func `a stretch of a file arrives as it is, between other frames`() throws {
    let ranges = [
      0..<1, 5..<70_000, 0..<(1 << 20), 4095..<(4095 + (1 << 20)), 2_999_000..<3_000_000,
    ]
    let frames = try hear { [file] in
      for range in ranges {
        try $0.send(Frame(kind: 1, id: 1, body: [1, 2, 3]))
        #expect(try $0.send(kind: 5, id: 7, file, range) == nil)
      }
    }
    #expect(frames.count == 2 * ranges.count)
    for (index, range) in ranges.enumerated() {
      #expect(frames[2 * index] == Frame(kind: 1, id: 1, body: [1, 2, 3]))
      let isEqual = frames[2 * index + 1] == Frame(kind: 5, id: 7, body: Array(bytes[range]))
      #expect(isEqual, "\(range)")
    }
  }

  @Test func `a file that ends too early is an error, and spoils no other frame`() throws {
    let frames = try hear { [file] in
      #expect(try $0.send(kind: 5, id: 7, file, 2_900_000..<3_100_000) != nil)
      try $0.send(Frame(kind: 1, id: 8, body: [4]))
    }
    let zeros = [UInt8](repeating: 0, count: 100_000)
    #expect(
      frames == [
        Frame(kind: 5, id: 7, body: Array(bytes[2_900_000...]) + zeros),
        Frame(kind: 1, id: 8, body: [4]),
      ])
  }

  @Test func `threads that send files and bytes do not mix them up`() throws {
    let frames = try hear { [file, bytes] channel in
      onThreads(4) { thread in
        for round in 0..<40 {
          let range = (round * 50_000 + thread)..<(round * 50_000 + 300_000)
          do {
            if (round + thread) % 2 == 0 {
              _ = try channel.send(kind: UInt8(round), id: UInt32(thread), file, range)
            } else {
              try channel.send(kind: UInt8(round), id: UInt32(thread), bytes[range])
            }
          } catch { Issue.record("\(error)") }
        }
      }
    }
    #expect(frames.count == 160)
    for frame in frames {
      let start = Int(frame.kind) * 50_000
      let isEqual = frame.body == Array(bytes[(start + Int(frame.id))..<(start + 300_000)])
      #expect(isEqual)
    }
  }

  @Test func `who has gone is noticed while a file is sent`() throws {
    let there = TestServer.pipe()
    let channel = Channel(input: -1, output: there.writing, patience: 5)
    close(there.reading)
    #expect(throws: ConnectionFailure.self) { _ = try channel.send(kind: 5, id: 7, file, 0..<9) }
  }
}
