import StoreCrypto

/// A key slot as text: for a file, or for a page that can be printed and typed in again.
///
///     ARCHIVIST KEY
///     1: 61726376 736c6f74 01011001 00000008 5f3a…  - 3f1c
///
/// Each line has its number, up to 32 bytes, and the first two bytes of the SHA-256 of number and
/// bytes, so that a mistyped line is found by itself.
enum PaperKey {
  /// The first line.
  static let title = "ARCHIVIST KEY"
  private static let bytesInLine = 32

  /// Why a text is no key.
  enum Invalid: Error, Equatable, CustomStringConvertible {
    case notAKey
    case wrongLine(Int)

    var description: String {
      switch self {
      case .notAKey: "this is not an exported key"
      case .wrongLine(let number): "line \(number) is mistyped, missing or out of order"
      }
    }
  }

  /// A line that says that the key belongs with a client, and not in the repository.
  private static let clientMark = "Place: client"

  static func file(_ slot: [UInt8], isWithClient: Bool = false) throws -> [UInt8] {
    try Array((title + "\n" + (isWithClient ? clientMark + "\n" : "")).utf8) + lines(slot)
  }

  /// Whether an exported key belongs with a client.
  static func isWithClient(_ text: [UInt8]) -> Bool {
    text.split(separator: 0x0a).contains {
      String(decoding: $0, as: UTF8.self).trimmingSpaces == clientMark
    }
  }

  static func page(
    _ slot: [UInt8], repository: String, isWithClient: Bool = false
  ) throws -> [UInt8] {
    let text = """
      \(title)

      Repository \(repository)\(isWithClient ? "\n\(clientMark)" : "")

      To restore it, type this page into a file, beginning with the title, and run:
        archivist key import REPOSITORY FILE
      It opens with the passphrase that it was made with.


      """
    return try Array(text.utf8) + lines(slot)
  }

  static func parse(_ text: [UInt8]) throws(Invalid) -> [UInt8] {
    let lines = text.split(separator: 0x0a).map { String(decoding: $0, as: UTF8.self) }
    guard lines.first?.trimmingSpaces == title else { throw .notAKey }
    var slot: [UInt8] = []
    var number = 1
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":"),
        let found = Int(String(line[..<colon]).trimmingSpaces)
      else { continue }
      let digits = line[line.index(after: colon)...].lowercased()
        .filter { $0 != " " && $0 != "\r" && $0 != "\t" }
      let parts = digits.split(separator: "-", omittingEmptySubsequences: false)
      guard found == number, parts.count == 2, let bytes = bytes(parts[0]),
        bytes.count <= bytesInLine, let sum = checksum(number, bytes), sum == parts[1]
      else { throw .wrongLine(number) }
      slot += bytes
      number += 1
    }
    guard !slot.isEmpty else { throw .notAKey }
    return slot
  }

  /// The key for a QR code: without explanations, and in the characters that take the least room there.
  static func code(_ slot: [UInt8], isWithClient: Bool = false) throws -> [UInt8] {
    let lines = try lines(slot).filter { $0 != UInt8(ascii: " ") }
    let digits = lines.map { (0x61...0x66).contains($0) ? $0 - 0x20 : $0 }
    return Array((title + "\n" + (isWithClient ? clientMark + "\n" : "")).utf8) + digits
  }

  private static func lines(_ slot: [UInt8]) throws -> [UInt8] {
    var text = ""
    for (index, start) in stride(from: 0, to: slot.count, by: bytesInLine).enumerated() {
      let bytes = Array(slot[start..<min(start + bytesInLine, slot.count)])
      guard let sum = checksum(index + 1, bytes) else { throw Invalid.notAKey }
      let number = String(index + 1)
      text += String(repeating: " ", count: max(0, 3 - number.utf8.count)) + number + ":"
      for (position, byte) in bytes.enumerated() {
        text += (position % 4 == 0 ? " " : "") + hex(byte)
      }
      text += " - \(sum)\n"
    }
    return Array(text.utf8)
  }

  private static func checksum(_ number: Int, _ bytes: [UInt8]) -> String? {
    let text = Array("\(number):".utf8) + bytes
    do throws(CryptoError) {
      return String(try SHA256.digest(of: text.span).hex.prefix(4))
    } catch {
      return nil  // Without SHA-256 no line is right.
    }
  }

  private static func bytes(_ digits: Substring) -> [UInt8]? {
    guard digits.utf8.count % 2 == 0 else { return nil }
    var bytes: [UInt8] = []
    var rest = digits[...]
    while !rest.isEmpty {
      guard let byte = UInt8(rest.prefix(2), radix: 16), rest.first != "+" else { return nil }
      bytes.append(byte)
      rest = rest.dropFirst(2)
    }
    return bytes
  }

  private static func hex(_ byte: UInt8) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16)
  }
}

extension String {
  fileprivate var trimmingSpaces: String {
    var text = self[...]
    while let last = text.last, last == " " || last == "\r" || last == "\t" { text.removeLast() }
    while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
    return String(text)
  }
}
