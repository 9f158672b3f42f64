@testable import ChunkStore

extension Target {
  /// Whether one value has one encoding: then whatever is decoded encodes to the same bytes.
  ///
  /// Fields of odd numbers that are not known are passed over, and a default may be written out; a
  /// structure with such fields only has to encode its own encoding again.
  /// In a node of items a path may share less with the one before than it could.
  private static func isCanonical(_ structure: Structure, _ bytes: [UInt8]) -> Bool {
    switch structure {
    case .header, .directory, .trailer, .indexObject: true
    case .itemsNode, .itemNodesNode, .chunksNode, .chunkNodesNode:
      // One decoder reads all kinds; those of chunks are 3 and 4.
      bytes.first == 3 || bytes.first == 4
    default: false
    }
  }

  /// Every structure of the format.
  static let structures: [Target] = Structure.allCases.map { structure in
    Target("\(structure)") {
      (0..<8).compactMap { number in
        var random = PseudoRandomBytes(seed: UInt64(number))
        return try? structure.sample(&random)
      }
    } take: { bytes in
      do {
        let input = try structure.signedAnew(bytes)
        let once: [UInt8]
        do {
          once = try structure.roundTrip(input)
        } catch {
          return
        }
        if isCanonical(structure, input) { precondition(once == input, "not canonical") }
        let twice = try structure.roundTrip(once)
        precondition(twice == once, "what was encoded is decoded to something else")
      } catch {
        preconditionFailure("what was encoded is refused: \(error)")
      }
    }
  }
}
