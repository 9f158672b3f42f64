/// Bytes that are not what `docs/format.md` says they are.
///
/// A `FormatError` knows what is wrong, not where: whoever read the bytes adds the object's name.
public enum FormatError: Error, Equatable, Sendable {
  /// The bytes end too early.
  case truncated(wanted: Int, found: Int)
  /// Bytes are left over behind the last field.
  case trailingBytes(Int)
  /// The object does not begin with the format's magic.
  case wrongMagic
  /// The object is of another type than its place demands.
  case wrongType(expected: UInt8, found: UInt8)
  /// The object was written by a later version of the format.
  case unknownVersion(UInt8)
  /// An algorithm that this version does not know.
  case unknownAlgorithm(String, UInt64)
  /// A number that is not in its shortest form, or too large for its place.
  case invalidNumber
  /// A value outside the limits of the format.
  case limitExceeded(String, found: UInt64, limit: UInt64)
  /// Fields that are not in ascending order, or come twice.
  case fieldOrder
  /// A field that a reader must understand, and that this version does not know.
  case unknownCriticalField(UInt64)
  /// A field that must be there is missing.
  case missingField(String)
  /// A path that could lead out of the directory it is restored to.
  case unsafePath
  /// Items or entries that are not in strictly ascending order.
  case unsortedPaths
  /// The bytes do not match the checksum, tag, id or name that vouches for them.
  case authenticationFailed
  /// Compressed bytes that do not decompress to what was stored.
  case corruptCompression
  /// Something that contradicts itself.
  case inconsistent(String)
}

extension FormatError: CustomStringConvertible {
  /// The description of the error, as the end of a sentence that begins with the object.
  public var description: String {
    switch self {
    case .truncated(let wanted, let found):
      "ends too early: \(wanted) bytes wanted, \(found) found"
    case .trailingBytes(let count): "has \(count) bytes too many"
    case .wrongMagic: "is not an archivist object"
    case .wrongType(let expected, let found):
      "is an object of type \(found) in the place of type \(expected)"
    case .unknownVersion(let version):
      "is of format version \(version), which this program does not know"
    case .unknownAlgorithm(let what, let value):
      "uses \(what) \(value), which this program does not know"
    case .invalidNumber: "holds a number that is malformed"
    case .limitExceeded(let what, let found, let limit):
      "exceeds a limit: \(what) is \(found), at most \(limit) is allowed"
    case .fieldOrder: "has fields out of order"
    case .unknownCriticalField(let number):
      "has field \(number), which a later version needs and this program does not know"
    case .missingField(let what): "lacks its \(what)"
    case .unsafePath: "holds a path that could lead out of its directory"
    case .unsortedPaths: "holds entries out of order"
    case .authenticationFailed:
      "failed authentication: damaged or tampered with"
    case .corruptCompression: "is damaged: it does not decompress"
    case .inconsistent(let what): "contradicts itself: \(what)"
    }
  }
}
