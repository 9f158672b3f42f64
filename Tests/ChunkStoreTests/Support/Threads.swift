import Glibc

/// Runs `body` on several threads at once, and returns when all of them are done.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  final class Work: Sendable {
    let number: Int
    let body: @Sendable (Int) -> Void
    init(_ number: Int, _ body: @escaping @Sendable (Int) -> Void) {
      self.number = number
      self.body = body
    }
  }
  let threads = (0..<count).map { number in
    var thread = pthread_t()
    let work = unsafe Unmanaged.passRetained(Work(number, body)).toOpaque()
    let failure = unsafe pthread_create(
      &thread, nil,
      { argument in
        guard let argument = unsafe argument else { return nil }
        let work = unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
        work.body(work.number)
        return nil
      }, work)
    precondition(failure == 0, "a thread could not be had")
    return thread
  }
  for thread in threads { _ = pthread_join(thread, nil) }
}
