import StoreCrypto

/// The bytes that pairs of hexadecimal digits stand for; spaces and line ends are left out.
///
/// Anything else stands for nothing, so that a mistyped vector matches no result.
func hex(_ text: String) -> [UInt8] {
  let digits = text.filter { !$0.isWhitespace }
  guard digits.count.isMultiple(of: 2) else { return [] }
  var bytes: [UInt8] = []
  var rest = digits[...]
  while !rest.isEmpty {
    guard let byte = UInt8(rest.prefix(2), radix: 16) else { return [] }
    bytes.append(byte)
    rest = rest.dropFirst(2)
  }
  return bytes
}

extension Secret {
  /// A secret that is no secret.
  convenience init(_ bytes: [UInt8]) {
    self.init(copying: bytes.span)
  }

  /// A copy of the bytes, to compare.
  var bytes: [UInt8] {
    withBytes { bytes in bytes.indices.map { bytes[$0] } }
  }
}
