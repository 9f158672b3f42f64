import StoreCrypto

@testable import ChunkStore

extension Target {
  private static let name = ObjectName.object(.segment, Digest256(bigEndianWords: 1, 2, 3, 4))

  /// The messages of the two sides of `archivist serve`.
  static let remote: [Target] = [
    Target(
      "serverFrames",
      seeds: {
        [
          Request.open(path: "/backup", makes: true, makesParents: false), .get(name, 5..<70_000),
          .get(.config(1), nil), .put(name, [1, 2]), .begin, .piece([3]), .commit(name), .abort,
          .list(.lease), .settle([.segment, .index]), .delete(name), .goodbye,
        ].map { $0.frame(id: 1).encoded }
      }
    ) { bytes in
      frames(bytes) { frame in
        guard let request = try? Request(decoding: frame) else { return }
        let again = try? Request(decoding: request.frame(id: frame.id))
        precondition(again == request, "what was encoded is decoded to something else")
      }
    },
    Target(
      "clientFrames",
      seeds: {
        let object = StoredObject(
          id: Digest256(bigEndianWords: 1, 2, 3, 4), size: 5, date: Timestamp(seconds: 6))
        return [
          Answer.part([1]), .done(Listing.encode([object, object])), .failed(.notFound("x")),
          .failed(.system(path: "a", operation: "b", code: 5)), .failed(.damaged("a", "b")),
        ].map { $0.frame(id: 1).encoded }
      }
    ) { bytes in
      frames(bytes) { frame in
        guard let answer = try? Answer(decoding: frame) else { return }
        switch answer {
        case .part(let bytes), .done(let bytes):
          guard let objects = try? Listing.decode(bytes) else { return }
          precondition(Listing.encode(objects) == bytes, "not canonical")
        case .failed: break
        }
      }
    },
    Target("hello", seeds: { [Array(Hello(features: 7).encoded.dropFirst(10))] }) { bytes in
      guard let hello = try? Hello(decoding: bytes) else { return }
      _ = hello.common(with: Hello())
    },
  ]

  /// Takes frames off the front of some bytes.
  private static func frames(_ bytes: [UInt8], _ body: (Frame) -> Void) {
    var reader = ByteReader(bytes)
    while let (kind, id, length) = try? Frame.decode(header: &reader),
      let content = try? reader.take(min(length, reader.remaining))
    {
      body(Frame(kind: kind, id: id, body: content))
    }
  }
}

extension Frame {
  /// Header and body.
  fileprivate var encoded: [UInt8] {
    Self.header(kind: kind, id: id, bodyLength: body.count) + body
  }
}
