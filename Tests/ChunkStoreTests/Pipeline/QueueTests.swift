import Glibc
import LinuxSystem
import Testing

@testable import ChunkStore

@Suite struct BoundedQueueTests {
  @Test func `what goes in comes out, in order, and then it ends`() throws {
    let queue = BoundedQueue<Int>(capacity: 100)
    for number in 0..<100 { try queue.push(number) }
    queue.close()
    for number in 0..<100 { #expect(queue.pop() == number) }
    #expect(queue.pop() == nil)
    #expect(throws: Cancelled.self) { try queue.push(1) }
  }

  @Test func `who waits for room does not wait for a queue that was closed`() throws {
    let queue = BoundedQueue<Int>(capacity: 1)
    try queue.push(1)
    try within(10) {
      let group = ThreadGroup()
      group.start("push") { try queue.push(2) }
      usleep(20_000)
      queue.close()
      #expect(throws: Cancelled.self) { try group.join() }
    }
    #expect(queue.pop() == 1)
    #expect(queue.pop() == nil)
  }

  @Test func `one that is too fast has to wait`() throws {
    let queue = BoundedQueue<Int>(capacity: 10)
    let pushed = Collected<Int>()
    try within(10) {
      let group = ThreadGroup()
      group.start("push") {
        for number in 0..<1000 {
          try queue.push(number, cost: 3)
          pushed.append(number)
        }
        queue.close()
      }
      usleep(20_000)
      // Three at a cost of three each, and not a fourth.
      #expect(pushed.values.count == 3)
      var next = 0
      while let number = queue.pop() {
        #expect(number == next)
        next += 1
        #expect(pushed.values.count <= next + 4)
      }
      #expect(next == 1000)
      try group.join()
    }
  }

  @Test func `an element that costs more than there is room for passes alone`() throws {
    let queue = BoundedQueue<Int>(capacity: 10)
    try within(10) {
      try queue.push(1, cost: 1000)
      #expect(queue.pop() == 1)
      try queue.push(2, cost: 10)
      #expect(queue.pop() == 2)
    }
  }

  @Test func `cancelling ends all waiting`() throws {
    try within(10) {
      let full = BoundedQueue<Int>(capacity: 1)
      let empty = BoundedQueue<Int>(capacity: 1)
      try full.push(0)
      let group = ThreadGroup()
      for _ in 0..<3 {
        group.start("push") {
          #expect(throws: Cancelled.self) { try full.push(1) }
        }
        group.start("pop") { #expect(empty.pop() == nil) }
      }
      usleep(10_000)
      full.cancel()
      empty.cancel()
      try group.join()
      #expect(full.pop() == nil)
    }
  }

  @Test func `nothing is lost or doubled between many threads`() throws {
    let taken = try within(30) {
      let queue = BoundedQueue<Int>(capacity: 7)
      let taken = Collected<Int>()
      let pushers = ThreadGroup()
      let poppers = ThreadGroup()
      for thread in 0..<4 {
        pushers.start("push") {
          for number in 0..<2000 { try queue.push(thread * 2000 + number, cost: number % 5) }
        }
        poppers.start("pop") {
          while let number = queue.pop() { taken.append(number) }
        }
      }
      try pushers.join()
      queue.close()
      try poppers.join()
      return taken.values
    }
    #expect(taken.sorted() == Array(0..<8000))
  }

  @Test func `what was taken is not kept`() throws {
    final class Witness: Sendable {}
    let queue = BoundedQueue<Witness>(capacity: 10)
    try queue.push(Witness())
    try queue.push(Witness())
    weak let first: Witness? = queue.pop()
    #expect(first == nil)
  }
}

@Suite struct ThreadGroupTests {
  private struct Failure: Error, Equatable { let number: Int }

  @Test func `the first error is the one that is told`() throws {
    try within(10) {
      let group = ThreadGroup()
      let queue = BoundedQueue<Int>(capacity: 1)
      group.onFailure { queue.cancel() }
      group.start("wait") {
        _ = queue.pop()
        throw Failure(number: 2)
      }
      group.start("fail") { throw Failure(number: 1) }
      #expect(throws: Failure(number: 1)) { try group.join() }
      #expect(group.failure as? Failure == Failure(number: 1))
    }
  }

  @Test func `who comes after a failure hears of it`() throws {
    let group = ThreadGroup()
    let heard = Collected<Int>()
    group.fail(Failure(number: 1))
    group.onFailure { heard.append(1) }
    #expect(heard.values == [1])
  }

  @Test func `what threads worked on is let go of`() throws {
    final class Witness: Sendable {
      let group = ThreadGroup()
    }
    weak var witness: Witness?
    try {
      let strong = Witness()
      witness = strong
      strong.group.onFailure { _ = strong.group.failure }
      strong.group.start("work") { _ = strong }
      try strong.group.join()
    }()
    #expect(witness == nil)
  }
}

@Suite struct MonitorTests {
  @Test func `threads take turns`() throws {
    final class Turns: @unchecked Sendable {
      let monitor = Monitor()
      /// Touched under the monitor only.
      var next = 0
    }
    let turns = Turns()
    try within(20) {
      let group = ThreadGroup()
      for number in 0..<3 {
        group.start("turn") {
          for round in 0..<200 {
            turns.monitor.withLock {
              while turns.next != round * 3 + number { turns.monitor.wait() }
              turns.next += 1
              turns.monitor.broadcast()
            }
          }
        }
      }
      try group.join()
    }
    #expect(turns.monitor.withLock { turns.next } == 600)
  }
}
