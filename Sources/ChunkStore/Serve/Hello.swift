package import ObjectStorage
package import StoreEncoding

/// The first thing that each side says: what it is, and which versions it understands.
///
///     hello := magic[8] length:u16 body[length]
///     body  := oldest:u16 newest:u16 features:u64 software:blob …
///
/// What follows the software in a hello of a later version is passed over. Both sides then speak
/// the newest version that both understand.
package struct Hello: Equatable, Sendable {
  package var oldest: UInt16 = Hello.version
  package var newest: UInt16 = Hello.version
  /// The features available beyond the version's own requests; a bit for each.
  package var features: UInt64 = 0
  /// For people.
  package var software: String = Hello.software

  /// The version that this program speaks.
  package static let version: UInt16 = 1
  /// The name of this program.
  package static let software = "archivist"
  /// No text begins like this, so that a shell's greeting is told from a server's.
  package static let magic: [UInt8] = [0x89] + Array("ARCSRV".utf8) + [0x0a]
  /// The longest body.
  package static let maximumBody = 1024

  /// The whole hello.
  package var encoded: [UInt8] {
    var body = ByteWriter()
    body.integer(oldest)
    body.integer(newest)
    body.integer(features)
    body.blob(software.utf8.prefix(200))
    var writer = ByteWriter()
    writer.raw(Self.magic)
    writer.integer(UInt16(body.count))
    writer.raw(body.bytes)
    return writer.bytes
  }

  package init(
    oldest: UInt16 = Hello.version, newest: UInt16 = Hello.version, features: UInt64 = 0,
    software: String = Hello.software
  ) {
    self.oldest = oldest
    self.newest = newest
    self.features = features
    self.software = software
  }

  /// Takes the body of a hello apart.
  package init(decoding body: [UInt8]) throws(FormatError) {
    var reader = ByteReader(body)
    oldest = try reader.integer()
    newest = try reader.integer()
    features = try reader.integer()
    software = String(decoding: try reader.blob("software", limit: 256), as: UTF8.self)
    guard oldest <= newest else { throw .inconsistent("versions that do not ascend") }
  }

  /// The version that both sides speak; `nil` if there is none.
  package func common(with other: Hello) -> UInt16? {
    let version = min(newest, other.newest)
    return version >= max(oldest, other.oldest) ? version : nil
  }

  /// Reads the other side's hello.
  ///
  /// - Throws: `ConnectionFailure.noise` if something else was said, with what it was.
  package static func read(from channel: Channel) throws(ConnectionFailure) -> Hello {
    var first: [UInt8] = []
    // Byte by byte, because noise may be shorter than the magic.
    while first.count < magic.count {
      guard let byte = try channel.receive(upTo: 1).first else {
        throw first.isEmpty ? .closedBeforeHello : .noise(first)
      }
      first.append(byte)
      guard magic.starts(with: first) else {
        throw .noise(first + channel.receiveWhatIsThere(upTo: 400))
      }
    }
    let size = try ConnectionFailure.decoding(try channel.receive(exactly: 2)) {
      (reader) throws(FormatError) in
      let size: UInt16 = try reader.integer()
      guard size <= maximumBody else {
        throw .limitExceeded("hello", found: UInt64(size), limit: UInt64(maximumBody))
      }
      return Int(size)
    }
    return try ConnectionFailure.decoding(try channel.receive(exactly: size)) {
      (reader) throws(FormatError) in try Hello(decoding: reader.rest())
    }
  }
}
