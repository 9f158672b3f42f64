extension PseudoRandomBytes {
  /// The bytes with one to three accidents: a bit, a byte, a stretch lost, doubled or swapped.
  mutating func mutate(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<int(1...3) {
      guard !bytes.isEmpty else { return self.bytes(int(0...16)) }
      let at = int(0...(bytes.count - 1))
      let length = min(bytes.count - at, once(in: 2) ? 1 : int(1...40))
      switch int(0...6) {
      case 0: bytes[at] ^= 1 << UInt8(int(0...7))
      case 1: bytes[at] = [0x00, 0x01, 0x7f, 0x80, 0xff][int(0...4)]
      case 2: bytes[at] = UInt8(truncatingIfNeeded: next())
      case 3: bytes.removeSubrange(at..<(at + length))
      case 4: bytes.insert(contentsOf: bytes[at..<(at + length)], at: int(0...bytes.count))
      case 5: bytes.insert(contentsOf: self.bytes(length), at: at)
      default:
        // A varint that says something enormous.
        bytes.replaceSubrange(
          at..<(at + 1), with: [UInt8](repeating: 0xff, count: int(1...9)) + [UInt8(int(0...1))])
      }
    }
    return bytes
  }
}
