/// Thrown to whoever waits at a queue or for a permit that somebody has given up: an error elsewhere is
/// the reason, and says more.
public struct Cancelled: Error, Hashable, Sendable {
  /// Makes the error.
  public init() {}
}
