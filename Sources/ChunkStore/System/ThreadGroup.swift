import CLinux
internal import Glibc
import Synchronization

/// Threads that work on one thing together: when one of them fails, all of them stop.
///
/// They block in system calls, so they are threads of their own, never tasks of Swift's
/// cooperative pool.
package final class ThreadGroup: Sendable {
  private struct State {
    var threads: [pthread_t] = []
    var failure: (any Error)?
    var cancellations: [@Sendable () -> Void] = []
  }

  private let state = Mutex(State())

  package init() {}

  /// Threads that nobody waited for end by themselves.
  deinit { for thread in state.withLock({ $0.threads }) { pthread_detach(thread) } }

  /// The number of processors that this process may use.
  package static var processorCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

  /// Runs `cancel` when a thread fails: it has to end the waiting of all the others.
  ///
  /// Runs it at once if one has failed already.
  package func onFailure(_ cancel: @escaping @Sendable () -> Void) {
    let hasFailed = state.withLock { state in
      state.cancellations.append(cancel)
      return state.failure != nil
    }
    if hasFailed { cancel() }
  }

  /// Starts a thread.
  ///
  /// An error that `body` throws fails the group.
  package func start(_ name: String, _ body: @escaping @Sendable () throws -> Void) {
    let work = Work(name: name) { [self] in
      do { try body() } catch { fail(error) }
    }
    let retained = unsafe Unmanaged.passRetained(work)
    var thread = pthread_t()
    let status = unsafe pthread_create(
      &thread, nil,
      { argument in
        guard let argument = unsafe argument else { return nil }
        // Balances the retain below: this thread is now the work's owner.
        let work = unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
        _ = unsafe linux_set_thread_name(work.name)
        StageTimes.measuring(work.name, work.body)
        return nil
      }, unsafe retained.toOpaque())
    if status == 0 {
      state.withLock { $0.threads.append(thread) }
    } else {
      unsafe retained.release()
      fail(SystemError("start a thread", code: status, path: name.utf8))
    }
  }

  /// Records an error, unless there is one already, and stops everybody.
  package func fail(_ error: any Error) {
    let cancellations = state.withLock { state in
      // Consequences of the first failure are not worth telling.
      if state.failure == nil { state.failure = error }
      return state.cancellations
    }
    for cancel in cancellations { cancel() }
  }

  /// The first error of any thread.
  package var failure: (any Error)? { state.withLock { $0.failure } }

  /// Waits for all threads.
  ///
  /// - Throws: The first error that any of them threw.
  package func join() throws {
    while let thread = state.withLock({ $0.threads.popLast() }) {
      // Fails only for a thread that is not joinable, and each one here is joined once.
      pthread_join(thread, nil)
    }
    // They hold what the threads worked on, which holds this group.
    state.withLock { $0.cancellations = [] }
    if let failure { throw failure }
  }

  private final class Work: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }
}
