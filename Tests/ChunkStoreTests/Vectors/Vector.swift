import Glibc
import StoreCrypto

@testable import ChunkStore

/// A vector that `docs/format.md` cites: cases, each with named values.
struct Vector {
  struct Broken: Error { let what: String }

  /// One case of a vector.
  struct Case: CustomStringConvertible {
    let name: String
    fileprivate var values: [String: String] = [:]

    var description: String { name }

    func has(_ key: String) -> Bool { values[key] != nil }

    func text(_ key: String) throws -> String {
      guard let value = values[key] else { throw Broken(what: "\(name) has no value \(key)") }
      return value
    }

    func number<T: FixedWidthInteger>(_ key: String, radix: Int = 10) throws -> T {
      guard let value = T(try text(key), radix: radix) else {
        throw Broken(what: "\(name): \(key) is no number")
      }
      return value
    }

    func numbers(_ key: String) throws -> [Int] {
      try text(key).split(separator: " ").map {
        guard let value = Int($0) else { throw Broken(what: "\(name): \(key) are no numbers") }
        return value
      }
    }

    func bytes(_ key: String) throws -> [UInt8] {
      let digits = try text(key).filter { $0 != " " }
      var bytes: [UInt8] = []
      var rest = digits[...]
      while !rest.isEmpty {
        guard let byte = UInt8(rest.prefix(2), radix: 16) else {
          throw Broken(what: "\(name): \(key) is not hexadecimal")
        }
        bytes.append(byte)
        rest = rest.dropFirst(2)
      }
      return bytes
    }

    func digest(_ key: String) throws -> Digest256 { try digests(key)[0] }

    func digests(_ key: String) throws -> [Digest256] {
      var reader = ByteReader(try bytes(key))
      var digests: [Digest256] = []
      while !reader.isAtEnd { digests.append(try reader.digest()) }
      return digests
    }

    func time(_ key: String) throws -> Timestamp {
      let parts = try text(key).split(separator: " ")
      guard parts.count == 2, let seconds = Int64(parts[0]), let nanoseconds = UInt32(parts[1])
      else { throw Broken(what: "\(name): \(key) is no time") }
      return Timestamp(seconds: seconds, nanoseconds: nanoseconds)
    }

    func suite() throws -> Suite {
      guard let suite = Suite(rawValue: try number("suite")) else {
        throw Broken(what: "\(name): no such suite")
      }
      return suite
    }
  }

  static let directory = root + "/Tests/Vectors/format"
  static let root = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")

  let cases: [Case]

  init(_ name: String) throws {
    let file = try Self.contents("\(Self.directory)/\(name).txt")
    var cases: [Case] = []
    var key = ""
    for line in file.split(separator: "\n") where !line.hasPrefix("#") {
      if line.hasPrefix("[") {
        cases.append(Case(name: String(line.dropFirst().dropLast())))
      } else if line.hasPrefix("  "), !cases.isEmpty {
        cases[cases.count - 1].values[key, default: ""] += " " + line.dropFirst(2)
      } else if !cases.isEmpty, let equals = line.firstIndex(of: "=") {
        key = String(line[..<equals].dropLast())
        cases[cases.count - 1].values[key] = String(line[equals...].dropFirst(2))
      } else {
        throw Broken(what: "\(name): \(line)")
      }
    }
    guard !cases.isEmpty else { throw Broken(what: "\(name) has no case") }
    self.cases = cases
  }

  subscript(name: String) -> Case {
    get throws {
      guard let found = cases.first(where: { $0.name == name }) else {
        throw Broken(what: "there is no case \(name)")
      }
      return found
    }
  }

  /// A text file.
  static func contents(_ path: String) throws -> String {
    let file = try LocalFile.open(path, flags: O_RDONLY)
    return String(
      decoding: try file.read(from: 0, count: try file.status().size), as: UTF8.self)
  }
}

/// The keys of the vectors.
enum VectorKeys {
  /// With the epochs 1 and 3, as they stand in vector `keys`.
  static func bundle(_ suite: Suite = .aes256GCM) throws -> KeyBundle {
    for one in try Vector("keys").cases where try one.suite() == suite {
      return try KeyBundle(decoding: ByteReader(try one.bytes("bundle")))
    }
    throw Vector.Broken(what: "no keys for this suite")
  }

  static func ring(_ suite: Suite = .aes256GCM) throws -> KeyRing { try KeyRing(bundle(suite)) }
}
