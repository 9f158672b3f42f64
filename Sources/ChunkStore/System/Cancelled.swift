/// Thrown to whoever waits at a queue or for a permit that somebody has given up: an error elsewhere is
/// the reason, and says more.
package struct Cancelled: Error, Hashable, Sendable {
  /// Makes the error.
  package init() {}
}
