/// A counting semaphore.
///
/// Sendable: all state is touched under the monitor.
package final class Allowance: @unchecked Sendable {
  private let monitor = Monitor()
  private var left: Int
  private var isCancelled = false

  /// An allowance for `count` things.
  package init(_ count: Int) { left = count }

  /// The right to one of the things, for as long as it is held on to.
  package final class Permit: Sendable {
    private let allowance: Allowance

    fileprivate init(_ allowance: Allowance) { self.allowance = allowance }

    deinit { allowance.giveBack() }
  }

  /// Takes a permit if there is one.
  package func takeIfPossible() -> Permit? {
    monitor.withLock {
      guard left > 0 else { return nil }
      left -= 1
      return Permit(self)
    }
  }

  /// Takes a permit, as soon as there is one.
  ///
  /// - Throws: `Cancelled` after `cancel`.
  package func take() throws(Cancelled) -> Permit {
    try monitor.withLock { () throws(Cancelled) in
      while left == 0, !isCancelled { monitor.wait() }
      guard !isCancelled else { throw Cancelled() }
      left -= 1
      return Permit(self)
    }
  }

  /// Ends all waiting.
  package func cancel() {
    monitor.withLock {
      isCancelled = true
      monitor.broadcast()
    }
  }

  private func giveBack() {
    monitor.withLock {
      left += 1
      monitor.broadcast()
    }
  }
}
