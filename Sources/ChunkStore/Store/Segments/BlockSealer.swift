import StoreCrypto
import StoreEncoding
import StoreFormat
import Synchronization

/// Seals blocks under one header, each under the next number.
///
/// Shared by all threads of a process; a number once drawn is spent, whatever becomes of the
/// block. It heads at most one segment, whose directory and trailer are sealed under it as well.
final class BlockSealer: Sendable {
  let header: ObjectHeader
  private let keys: KeyRing
  private let state = Mutex<(next: UInt64, isHead: Bool)>((0, false))

  init(_ type: ObjectType, first: Span<UInt8>, keys: KeyRing) throws {
    header = try keys.newHeader(type, first: first)
    self.keys = keys
  }

  /// Seals a block's plaintext.
  func seal(_ plaintext: [UInt8]) throws -> (bytes: [UInt8], number: UInt64) {
    let number = state.withLock { state in
      defer { state.next += 1 }
      return state.next
    }
    var context = try keys.context(header, role: Role(header.type))
    var output: [UInt8] = []
    output.reserveCapacity(plaintext.count + SealingContext.tagSize)
    try context.seal(
      plaintext.span, nonce: Nonce(part: SealedPart.block, number: number), into: &output)
    return (output, number)
  }

  /// Makes this the header of a segment; `false` if it is one's already.
  func becomeHead() -> Bool {
    state.withLock { state in
      defer { state.isHead = true }
      return !state.isHead
    }
  }
}

/// The sealer that new blocks of one type use now.
///
/// Many threads seal while one writes, so a block may land in a segment after the one whose
/// header it was sealed under: the directory says so.
final class SealerSource: Sendable {
  private let type: ObjectType
  private let keys: KeyRing
  private let current = Mutex<BlockSealer?>(nil)

  init(_ type: ObjectType, keys: KeyRing) {
    self.type = type
    self.keys = keys
  }

  /// The sealer in use; a new one, salted with `first`, if there is none.
  func sealer(first: ChunkID) throws -> BlockSealer {
    let made = try current.withLock { current -> BlockSealer in
      if let current { return current }
      let new = try BlockSealer(type, first: first.digest.bytes.span, keys: keys)
      current = new
      return new
    }
    return made
  }

  /// A sealer whose header no segment has yet.
  func head(first: ChunkID) throws -> BlockSealer {
    let sealer = try sealer(first: first)
    if sealer.becomeHead() { return sealer }
    retire(sealer)
    return try head(first: first)
  }

  /// Ends the use of a sealer.
  func retire(_ sealer: BlockSealer) {
    current.withLock { if $0 === sealer { $0 = nil } }
  }
}

/// A block ready to be written.
struct SealedBlock: Sendable {
  var bytes: [UInt8]
  var header: ObjectHeader
  var number: UInt64
  var rawLength: UInt32
  var chunks: [ChunkReference]
}
