import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct ObjectVectorTests {
  @Test func `headers are encoded as in vector header, and decoded`() throws {
    for one in try Vector("header").cases {
      guard let type = ObjectType(rawValue: try one.number("type")) else {
        throw Vector.Broken(what: "no such type")
      }
      let header = ObjectHeader(
        type: type, suite: try one.suite(), epoch: try one.number("epoch"),
        keyID: try one.bytes("key id"), salt: try one.bytes("salt"),
        extension: try one.bytes("extension"))
      #expect(header.encoded == (try one.bytes("bytes")))
      var reader = ByteReader(try one.bytes("bytes"))
      #expect(try ObjectHeader(decoding: &reader) == header)
      #expect(reader.isAtEnd)
    }
  }

  @Test func `messages are sealed as in vector sealing, and opened`() throws {
    for one in try Vector("sealing").cases {
      let suite = try one.suite()
      let role = try #require(Role.allCases.first { $0.label == (try? one.text("role")) })
      var reader = ByteReader(try one.bytes("header"))
      let header = try ObjectHeader(decoding: &reader)
      let nonce = Nonce(part: try one.number("part"), number: try one.number("number"))
      let plaintext = try one.bytes("plaintext")
      let sealed = try seal(
        plaintext, suite: suite, key: one.bytes("object key"), header: header, nonce: nonce)
      #expect(sealed == (try one.bytes("sealed")), "\(one)")
      let ring = try VectorKeys.ring(suite)
      #expect(try open(sealed, ring: ring, header: header, role: role, nonce: nonce) == plaintext)
    }
  }

  private func seal(
    _ plaintext: [UInt8], suite: Suite, key: [UInt8], header: ObjectHeader, nonce: Nonce
  ) throws -> [UInt8] {
    var context = try SealingContext(
      suite: suite, key: Secret(copying: key.span), associatedData: header.encoded)
    return try context.sealed(plaintext, part: nonce.part, number: nonce.number)
  }

  private func open(
    _ sealed: [UInt8], ring: KeyRing, header: ObjectHeader, role: Role, nonce: Nonce
  ) throws -> [UInt8] {
    var context = try ring.context(header, role: role)
    return try context.open(sealed.span, nonce: nonce)
  }

  @Test func `sizes are padded as in vector padding`() throws {
    for one in try Vector("padding").cases {
      #expect(try Padding.padded(one.number("size")) == one.number("padded"))
    }
  }

  /// Opens an object, and seals its body anew under the same header.
  static func roundTrip(_ bytes: [UInt8], as type: ObjectType, _ ring: KeyRing) throws -> [UInt8] {
    var opened = try SealedObject.open(bytes, as: type, keys: ring)
    let body = opened.rest()
    var reader = ByteReader(bytes)
    let header = try ObjectHeader(decoding: &reader)
    let overhead = header.encodedSize + SealingContext.tagSize
    let size = Padding.padded(overhead + 8 + body.count)
    var plaintext = ByteWriter()
    plaintext.integer(UInt64(body.count))
    plaintext.raw(body)
    plaintext.zeros(size - overhead - plaintext.count)
    let sealed = try seal(plaintext.bytes, header: header, role: Role(type), ring)
    #expect(header.encoded + sealed == bytes)
    // An object that we seal ourselves differs in the salt alone.
    let ours = try SealedObject.seal(body, as: type, keys: ring, extension: header.extension)
    #expect(ours.count == bytes.count)
    return body
  }

  static func seal(
    _ plaintext: [UInt8], header: ObjectHeader, role: Role, part: UInt32 = 0, _ ring: KeyRing
  ) throws -> [UInt8] {
    var context = try ring.context(header, role: role)
    return try context.sealed(plaintext, part: part)
  }

  @Test func `objects open as in vector object`() throws {
    for one in try Vector("object").cases {
      guard let type = ObjectType(rawValue: try one.number("type")) else {
        throw Vector.Broken(what: "no such type")
      }
      let ring = try VectorKeys.ring(try one.suite())
      #expect(try Self.roundTrip(one.bytes("bytes"), as: type, ring) == one.bytes("body"))
    }
  }

  @Test func `configurations are as in vector config`() throws {
    let ring = try VectorKeys.ring()
    var configs: [RepositoryConfig] = []
    for one in try Vector("config").cases {
      let body = try Self.roundTrip(one.bytes("bytes"), as: .config, ring)
      var reader = ByteReader(body)
      let config = try RepositoryConfig(decoding: &reader)
      #expect(config.generation == (try one.number("generation")))
      #expect(try config.signed(by: ring.authority) == body)
      configs.append(config)
    }
    let first = try Vector("config").cases[0].bytes("bytes")
    #expect(configs[0].previous == Digest256(bigEndianWords: 0, 0, 0, 0))
    #expect(configs[1].previous == (try SHA256.digest(of: first.span)))
    #expect(configs[1].grace == 86_400)
    #expect(configs[1].unknownFeatures(for: .read) == ["later-read"])
    #expect(
      configs[1].unknownFeatures(for: .delete) == [
        "later-read", "later-write-1", "later-write-2", "later-delete",
      ])
    #expect(configs[1].epochs.map(\.number) == [1, 3])
  }

  @Test func `archives are as in vector archive`() throws {
    let ring = try VectorKeys.ring()
    for one in try Vector("archive").cases {
      let bytes = try one.bytes("bytes")
      #expect(try SHA256.digest(of: bytes.span) == one.digest("id"))
      let body = try Self.roundTrip(bytes, as: .archive, ring)
      #expect(body == (try one.bytes("body")))
      let manifest = try ArchiveManifest(decoding: ByteReader(body))
      #expect(manifest.kind.rawValue == (try one.number("kind")))
      #expect(Array(manifest.name.utf8) == (try one.bytes("name")))
      #expect(manifest.start == (try one.time("start")))
      if one.name == "everything" { #expect(try manifest.encoded() == body) }
    }
    let full = try Vector("archive")["everything"]
    let manifest = try ArchiveManifest(decoding: ByteReader(try full.bytes("body")))
    #expect(manifest.roots.map(\.path) == [Array("/etc".utf8), [0x2f, 0x68, 0xff]])
    #expect(manifest.statistics.newChunks == 6)
    #expect(manifest.tree?.itemCount == 5)
    #expect(manifest.commandLine.count == 3)
    #expect(manifest.workingDirectory == Array("/home/".utf8) + [0xff])
  }

  @Test func `labels are as in vector label`() throws {
    let ring = try VectorKeys.ring()
    for one in try Vector("label").cases {
      let body = try Self.roundTrip(one.bytes("bytes"), as: .label, ring)
      let label = try Label(decoding: ByteReader(body))
      #expect(body == (try one.bytes("body")))
      #expect(label.encoded() == body)
      #expect(label.purpose.rawValue == (try one.number("purpose")))
      #expect(label.target == (try one.digest("target")))
      #expect(Array(label.text.utf8) == (try one.bytes("text")))
      #expect(label.time == (try one.time("time")))
    }
  }

  @Test func `quarantines are as in vector quarantine`() throws {
    let ring = try VectorKeys.ring()
    for one in try Vector("quarantine").cases {
      let body = try Self.roundTrip(one.bytes("bytes"), as: .removal, ring)
      var reader = ByteReader(body)
      let quarantine = try Quarantine(decoding: &reader, authority: ring.authority.publicKey)
      #expect(quarantine.segments == (try one.digests("segments")))
      #expect(quarantine.time == (try one.time("time")))
      #expect(try quarantine.signed(by: ring.authority) == body)
    }
  }

  @Test func `removals are as in vector removal`() throws {
    let ring = try VectorKeys.ring()
    for one in try Vector("removal").cases {
      let body = try Self.roundTrip(one.bytes("bytes"), as: .removal, ring)
      var reader = ByteReader(body)
      let removal = try Removal(decoding: &reader, authority: ring.authority.publicKey)
      #expect(removal.archives == (try one.digests("archives")))
      #expect(removal.time == (try one.time("time")))
      #expect(try removal.signed(by: ring.authority) == body)
    }
  }

  @Test func `doomed objects are as in vector doomed`() throws {
    let ring = try VectorKeys.ring()
    for one in try Vector("doomed").cases {
      let body = try Self.roundTrip(one.bytes("bytes"), as: .doomed, ring)
      let doom = try Doom(decoding: ByteReader(body))
      #expect(doom.segments == (try one.digests("segments")))
      #expect(doom.about == (try one.digests("about").first))
      #expect(doom.leases == (try one.digests("leases")))
      #expect(doom.encoded() == body)
    }
  }

  @Test func `leases are as in vector lease`() throws {
    let ring = try VectorKeys.ring()
    for one in try Vector("lease").cases {
      let body = try Self.roundTrip(one.bytes("bytes"), as: .lease, ring)
      let object = try LeaseObject(decoding: ByteReader(body))
      #expect(object.encoded() == body)
      guard case .lease(let lease) = object else {
        #expect(object == .heartbeat(of: try one.digest("lease")))
        continue
      }
      #expect(Array(lease.processSpace.utf8) == (try one.bytes("process space")))
      #expect(Array(lease.operation.utf8) == (try one.bytes("operation")))
      #expect(Array(lease.hostname.utf8) == (try one.bytes("hostname")))
      #expect(Array(lease.bootID.utf8) == (try one.bytes("boot")))
      #expect(lease.machine == (try one.digest("machine")))
      #expect(lease.processID == (try one.number("process")))
      #expect(lease.processStart == (try one.number("process start")))
      #expect(lease.started == (try one.time("started")))
    }
  }
}
