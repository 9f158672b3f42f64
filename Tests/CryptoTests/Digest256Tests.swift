import StoreCrypto
import Testing

@Suite struct Digest256Tests {
  let bytes = (0..<32).map { UInt8($0 * 7 + 3) }

  @Test func `keeps its bytes in their order`() {
    let digest = Digest256(bytes.span)
    #expect(digest.bytes == bytes)
    var output: [UInt8] = [1]
    digest.append(to: &output)
    #expect(output == [1] + bytes)
    #expect(digest.leadingWord == 0x030a_1118_1f26_2d34)
  }

  @Test func `reads the hexadecimal digits it writes`() {
    let digest = Digest256(bytes.span)
    #expect(digest.hex == "030a11181f262d343b424950575e656c737a81888f969da4abb2b9c0c7ced5dc")
    #expect(Digest256(hex: digest.hex.utf8) == digest)
  }

  @Test(arguments: [
    "", "03", String(repeating: "0", count: 63), String(repeating: "0", count: 65),
    String(repeating: "F", count: 64), String(repeating: "g", count: 64),
    String(repeating: "0", count: 63) + "/", String(repeating: "0", count: 63) + ":",
    String(repeating: "0", count: 63) + "`", String(repeating: " ", count: 64),
  ])
  func `is not read from anything but 64 digits in lower case`(text: String) {
    #expect(Digest256(hex: text.utf8) == nil)
  }

  @Test(arguments: UInt8.min...UInt8.max)
  func `is not read with any byte that is no digit, wherever it stands`(byte: UInt8) {
    let digits = Array(Digest256(bytes.span).hex.utf8)
    let isDigit = "0123456789abcdef".utf8.contains(byte)
    for position in digits.indices {
      var text = digits
      text[position] = byte
      let read = Digest256(hex: text.span)
      #expect((read != nil) == isDigit)
      if let read { #expect(Array(read.hex.utf8) == text) }
    }
  }

  @Test(arguments: 0..<32)
  func `is ordered and told apart by each byte`(position: Int) {
    var larger = bytes
    larger[position] += 1
    let a = Digest256(bytes.span)
    let b = Digest256(larger.span)
    #expect(a != b)
    #expect(a < b && !(b < a) && !(a < a))
  }
}
