package import StoreEncoding

/// Why a server cannot be talked to, or not any more.
public enum ConnectionFailure: Error, Equatable, Sendable {
  /// The connection ended, or was silent for too long.
  case lost(String)
  /// It ended before the server said anything.
  case closedBeforeHello
  /// Something else than a server answered: what it said.
  case noise([UInt8])
  /// The server speaks no version that this program understands: it is older.
  case serverOutdated(server: String, newest: UInt16, needed: UInt16)
  /// The server speaks no version that this program understands: it is newer.
  case clientOutdated(server: String, oldest: UInt16, newest: UInt16)
  /// A frame that makes no sense.
  case malformed(String)
  /// The server does not know a request.
  case unknownRequest(String)

  /// Whether another connection may do better.
  package var isLoss: Bool {
    if case .lost = self { true } else { false }
  }

  /// Takes bytes apart; what is wrong with them becomes a failure of the connection.
  package static func decoding<R>(
    _ bytes: [UInt8], _ body: (inout ByteReader) throws(FormatError) -> R
  ) throws(ConnectionFailure) -> R {
    var reader = ByteReader(bytes)
    do throws(FormatError) { return try body(&reader) } catch { throw .malformed("\(error)") }
  }
}
