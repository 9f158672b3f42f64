/// Which characters `(?i)` takes for the same, as Python does.
///
/// Two are, if they have the same lower case, or if their lower cases have the same upper case.
enum CaseFolding {
  /// All characters that count as `character`, itself among them.
  static func variants(of character: UInt32) -> [UInt32] {
    let lower = lower(character)
    let letters = sharedUpperCase.first { $0.contains(lower) } ?? [lower]
    var variants = [character] + letters + letters.map(upper)
    // Some signs have a lower case without being the upper case of it.
    for (sign, letter) in signs where letters.contains(letter) { variants.append(sign) }
    if iotaBelow.contains(where: { $0.contains(lower) }) { variants.append(lower + 8) }
    return variants
  }

  static func asciiVariants(of character: UInt32) -> [UInt32] {
    (0x41...0x5A).contains(character & ~0x20) && character < 0x80
      ? [character | 0x20, character & ~0x20] : [character]
  }

  /// The lower case that is one character.
  private static func lower(_ character: UInt32) -> UInt32 {
    guard let scalar = Unicode.Scalar(character) else { return character }
    return scalar.properties.lowercaseMapping.unicodeScalars.first?.value ?? character
  }

  /// The upper case, if it is one character.
  private static func upper(_ character: UInt32) -> UInt32 {
    guard let scalar = Unicode.Scalar(character) else { return character }
    let mapping = scalar.properties.uppercaseMapping.unicodeScalars
    guard let first = mapping.first, mapping.count == 1 else { return character }
    return first.value
  }

  /// Lower-case letters that have one upper case.
  private static let sharedUpperCase: [[UInt32]] = [
    [0x69, 0x131], [0x73, 0x17F], [0xB5, 0x3BC], [0x345, 0x3B9, 0x1FBE], [0x390, 0x1FD3],
    [0x3B0, 0x1FE3], [0x3B2, 0x3D0], [0x3B5, 0x3F5], [0x3B8, 0x3D1], [0x3BA, 0x3F0],
    [0x3C0, 0x3D6], [0x3C1, 0x3F1], [0x3C2, 0x3C3], [0x3C6, 0x3D5], [0x432, 0x1C80],
    [0x434, 0x1C81], [0x43E, 0x1C82], [0x441, 0x1C83], [0x442, 0x1C84, 0x1C85], [0x44A, 0x1C86],
    [0x463, 0x1C87], [0x1C88, 0xA64B], [0x1E61, 0x1E9B], [0xFB05, 0xFB06],
  ]

  /// Signs, and the letters that are their lower case: ohm, kelvin, angstrom; İ and ẞ; titlecase.
  private static let signs: [(UInt32, UInt32)] = [
    (0x2126, 0x3C9), (0x212A, 0x6B), (0x212B, 0xE5), (0x130, 0x69), (0x1E9E, 0xDF),
    (0x3F4, 0x3B8), (0x1C5, 0x1C6), (0x1C8, 0x1C9), (0x1CB, 0x1CC), (0x1F2, 0x1F3),
    (0x1FBC, 0x1FB3), (0x1FCC, 0x1FC3), (0x1FFC, 0x1FF3),
  ]

  /// Greek letters with an iota below; their titlecase follows eight places behind.
  private static let iotaBelow: [ClosedRange<UInt32>] = [
    0x1F80...0x1F87, 0x1F90...0x1F97, 0x1FA0...0x1FA7,
  ]
}
