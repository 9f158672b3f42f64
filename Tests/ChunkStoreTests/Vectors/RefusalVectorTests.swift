import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct RefusalVectorTests {
  /// Decodes bytes as the structure that they pretend to be.
  private func decode(_ structure: String, _ bytes: [UInt8], _ ring: KeyRing) throws {
    var reader = ByteReader(bytes)
    switch structure {
    case "varint": _ = try reader.varint()
    case "header": _ = try ObjectHeader(decoding: &reader)
    case "slot":
      let slot = try KeySlot(decoding: bytes)
      if slot.derivation == .none { return }
      _ = try slot.open(passphrase: Secret(bytes: Array("p".utf8)))
    case "clear slot": _ = try KeySlot(decoding: bytes).open(passphrase: nil)
    case "block": try unpack(bytes)
    case "directory":
      _ = try SegmentDirectory(decoding: &reader)
      try reader.finish()
    case "index": _ = try IndexObject(decoding: &reader)
    case "path": _ = try ArchivePath(bytes)
    case "item":
      _ = try ItemCoding.decode(reader, path: try ArchivePath(Array("dir/name".utf8)))
    case "node": _ = try TreeNode(decoding: bytes)
    case "archive": _ = try ArchiveManifest(decoding: reader)
    case "label": _ = try Label(decoding: reader)
    case "doomed": _ = try Doom(decoding: reader)
    case "lease": _ = try LeaseObject(decoding: reader)
    case "config": _ = try RepositoryConfig(decoding: &reader)
    case "removal":
      _ = try Removal(decoding: &reader, authority: ring.authority.publicKey)
    case "quarantine":
      _ = try Quarantine(decoding: &reader, authority: ring.authority.publicKey)
    default: Issue.record("there is no structure \(structure)")
    }
  }

  private func unpack(_ bytes: [UInt8]) throws {
    var compressor = try Compressor()
    _ = try compressor.unpack(bytes, limit: Limits.chunkSize)
  }

  @Test func `what vector refused holds is refused`() throws {
    let ring = try VectorKeys.ring()
    var structures: Set<String> = []
    for one in try Vector("refused").cases {
      let structure = try one.text("structure")
      structures.insert(structure)
      var bytes = try one.bytes("bytes")
      if one.has("then") {
        let words = try one.text("then").split(separator: " ")
        guard words.count == 3, let count = Int(words[0]), let byte = UInt8(words[2], radix: 16)
        else { throw Vector.Broken(what: "\(one)") }
        bytes += [UInt8](repeating: byte, count: count)
      }
      #expect("\(one)") {
        try decode(structure, bytes, ring)
      } throws: { error in
        error is FormatError || error is CryptoError
      }
    }
    #expect(structures.count == 17)
  }
}
