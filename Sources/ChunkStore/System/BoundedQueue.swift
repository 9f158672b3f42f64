/// A blocking FIFO bounded by total cost.
///
/// Each element has a cost; the queue holds elements of `capacity` in all, or a single one that
/// costs more. Sendable: all state is touched under the monitor.
public final class BoundedQueue<Element: Sendable>: @unchecked Sendable {
  @usableFromInline let monitor = Monitor()
  /// There is an element more, or nothing to wait for.
  @usableFromInline let filled = Monitor.Condition()
  /// There is more room, or nothing to wait for.
  @usableFromInline let emptied = Monitor.Condition()
  @usableFromInline let capacity: Int
  /// Those that were taken are `nil`, so that nothing keeps them in memory.
  @usableFromInline var elements: [(element: Element, cost: Int)?] = []
  /// Index of the first element that has not been taken.
  @usableFromInline var head = 0
  @usableFromInline var load = 0
  @usableFromInline var isClosed = false
  @usableFromInline var isCancelled = false

  /// A queue for elements of this total cost.
  package init(capacity: Int) { self.capacity = capacity }

  /// Adds an element, as soon as there is room.
  ///
  /// - Throws: `Cancelled` if nobody will take it.
  @inlinable
  public func push(_ element: Element, cost: Int = 1) throws(Cancelled) {
    try monitor.withLock { () throws(Cancelled) in
      if isFull(for: cost) {
        StageTimes.waiting(for: .output) { while isFull(for: cost) { monitor.wait(for: emptied) } }
        // There may be room for another one that waits.
        emptied.signal()
      }
      guard !isCancelled, !isClosed else { throw Cancelled() }
      elements.append((element, cost))
      load += cost
    }
    // Outside the lock, which who wakes up wants to have.
    filled.signal()
  }

  /// Takes the oldest element, as soon as there is one; `nil` when no more will come.
  @inlinable
  public func pop() -> Element? {
    defer { emptied.signal() }
    return monitor.withLock {
      if isExhausted {
        StageTimes.waiting(for: .input) { while isExhausted { monitor.wait(for: filled) } }
      }
      guard head < elements.count, !isCancelled, let (element, cost) = elements[head] else {
        return nil
      }
      elements[head] = nil
      head += 1
      load -= cost
      if head == elements.count || head > 1024 {
        elements.removeFirst(head)
        head = 0
      }
      return element
    }
  }

  @inlinable
  func isFull(for cost: Int) -> Bool {
    // Nobody need take anything from a queue that is closed: who waits for room would wait for ever.
    load > 0 && load + cost > capacity && !isCancelled && !isClosed
  }

  /// Whether there is nothing now, and may be later.
  @inlinable
  var isExhausted: Bool { head == elements.count && !isClosed && !isCancelled }

  /// Says that no more elements come; those that are there are still taken.
  package func close() {
    monitor.withLock {
      isClosed = true
      wakeAll()
    }
  }

  /// Throws away what is there, and ends all waiting.
  package func cancel() {
    monitor.withLock {
      isCancelled = true
      elements = []
      head = 0
      load = 0
      wakeAll()
    }
  }

  private func wakeAll() {
    filled.broadcast()
    emptied.broadcast()
  }
}
