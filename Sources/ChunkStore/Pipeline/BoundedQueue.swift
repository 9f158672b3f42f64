/// Elements on their way from some threads to others; whoever is too fast has to wait.
///
/// Each element has a cost; the queue holds elements of `capacity` in all, or a single one that
/// costs more. Sendable: all state is touched under the monitor.
package final class BoundedQueue<Element: Sendable>: @unchecked Sendable {
  private let monitor = Monitor()
  private let capacity: Int
  /// Those that were taken are `nil`, so that nothing keeps them in memory.
  private var elements: [(element: Element, cost: Int)?] = []
  /// Index of the first element that has not been taken.
  private var head = 0
  private var load = 0
  private var isClosed = false
  private var isCancelled = false

  /// A queue for elements of this total cost.
  package init(capacity: Int) { self.capacity = capacity }

  /// Adds an element, as soon as there is room.
  ///
  /// - Throws: `RepositoryError.cancelled` if nobody will take it.
  package func push(_ element: Element, cost: Int = 1) throws(RepositoryError) {
    try monitor.withLock { () throws(RepositoryError) in
      if isFull(for: cost) {
        StageTimes.waiting(for: .output) { while isFull(for: cost) { monitor.wait() } }
      }
      guard !isCancelled, !isClosed else { throw .cancelled }
      elements.append((element, cost))
      load += cost
      monitor.broadcast()
    }
  }

  /// Takes the oldest element, as soon as there is one; `nil` when no more will come.
  package func pop() -> Element? {
    monitor.withLock {
      if isExhausted {
        StageTimes.waiting(for: .input) { while isExhausted { monitor.wait() } }
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
      monitor.broadcast()
      return element
    }
  }

  private func isFull(for cost: Int) -> Bool {
    load > 0 && load + cost > capacity && !isCancelled
  }

  /// Whether there is nothing now, and may be later.
  private var isExhausted: Bool { head == elements.count && !isClosed && !isCancelled }

  /// Says that no more elements come; those that are there are still taken.
  package func close() {
    monitor.withLock {
      isClosed = true
      monitor.broadcast()
    }
  }

  /// Throws away what is there, and ends all waiting.
  package func cancel() {
    monitor.withLock {
      isCancelled = true
      elements = []
      head = 0
      load = 0
      monitor.broadcast()
    }
  }
}
