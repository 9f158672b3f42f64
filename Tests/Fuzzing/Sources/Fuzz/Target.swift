/// A decoder that is fed with whatever bytes, and what has to hold for the outcome.
///
/// `take` returns, quickly, whatever the bytes are: with an error that it passes over, or with a
/// value about which it then checks something. A trap, a failed check, memory or time beyond the
/// limits that `scripts/fuzz` sets, and anything that the address sanitizer notices, is a finding.
struct Target: Sendable {
  let name: String
  let take: @Sendable ([UInt8]) -> Void
  /// Some inputs from which to begin.
  let seeds: @Sendable () -> [[UInt8]]

  init(
    _ name: String, seeds: @escaping @Sendable () -> [[UInt8]],
    take: @escaping @Sendable ([UInt8]) -> Void
  ) {
    self.name = name
    self.seeds = seeds
    self.take = take
  }

  init(_ name: String, seeds: [String], take: @escaping @Sendable ([UInt8]) -> Void) {
    self.init(name, seeds: { seeds.map { Array($0.utf8) } }, take: take)
  }

  init?(name: String) {
    guard let found = Self.all.first(where: { $0.name == name }) else { return nil }
    self = found
  }

  static var all: [Target] { structures + files + texts + remote }
}
