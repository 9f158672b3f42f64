import Glibc
import Testing

@testable import ChunkStore

@Suite struct DocumentVectorTests {
  @Test func `every vector is cited by the documents, and every cited one is there`() throws {
    let document =
      try Vector.contents("\(Vector.root)/docs/format.md")
      + Vector.contents("\(Vector.root)/docs/format-writing.md")
    let cited = document.split(separator: "[vector: ").dropFirst()
      .compactMap { $0.split(separator: "]").first.map(String.init) }
      .filter { $0 != "name" }
    let files = try LocalFile.names(in: Vector.directory)
      .map { String(decoding: $0, as: UTF8.self) }
      .filter { $0.hasSuffix(".txt") }.map { String($0.dropLast(4)) }
    #expect(cited.count > 20)
    #expect(cited.sorted() == files.sorted())
    for name in cited { #expect(throws: Never.self) { try Vector(name) } }
  }

  @Test func `the limits in docs/format.md are those of the program`() throws {
    let document = try Vector.contents("\(Vector.root)/docs/format.md")
    func row(_ what: String) -> Int? {
      for line in document.split(separator: "\n") where line.hasPrefix("| \(what) |") {
        let digits = line.dropFirst(what.count + 4).prefix { $0 != "b" && $0 != "|" }
        return Int(digits.filter(\.isNumber))
      }
      return nil
    }
    #expect(row("chunk; raw length of a block") == Limits.chunkSize)
    #expect(row("raw length of a block of several chunks") == Limits.sharedBlockSize)
    #expect(row("blocks in a segment") == Limits.blocksInSegment)
    #expect(row("chunks in a segment") == Limits.chunksInSegment)
    #expect(row("headers in a segment") == Limits.headersInSegment)
    #expect(row("segment, read") == Limits.segmentSize)
    #expect(row("index object") == Limits.indexSize)
    #expect(row("every other whole object") == Limits.archiveSize)
    #expect(row("node") == Limits.nodeSize)
    #expect(row("levels of a tree") == Limits.treeDepth)
    #expect(row("path") == ArchivePath.maximumLength)
    #expect(row("chunks in an item") == Item.ChunkList.inlineLimit)
    #expect(row("extension of a header") == Limits.headerExtension)
  }
}
