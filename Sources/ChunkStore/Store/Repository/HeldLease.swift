import LinuxSystem
import ObjectStorage
import StoreCrypto
import StoreEncoding
import StoreFormat
import Synchronization

/// The lease of an operation that this process runs.
///
/// A thread of its own says from time to time that the operation still runs.
final class HeldLease: Sendable {
  private let repository: Repository
  private let operation: String
  private let names = Mutex(Names())
  /// Whether somebody has taken it away, as far as it is known.
  private let isLost = Atomic(false)
  private let begun = SystemClock.monotonicSeconds
  private let end = Event()
  private let group = ThreadGroup()

  private struct Names {
    var lease: Digest256?
    var heartbeat: Digest256?
  }

  /// Puts a lease.
  init(_ repository: Repository, operation: String) throws {
    self.repository = repository
    self.operation = operation
    try renew()
    guard let interval = repository.machine.heartbeat else { return }
    // The thread must not keep the lease from being let go of.
    group.start("lease") { [end, weak self] in
      var next = SystemClock.monotonicSeconds + interval
      while !end.wait(until: next) {
        self?.beat()
        next = SystemClock.monotonicSeconds + interval
      }
    }
  }

  deinit { release() }

  /// The name of the lease's object, while it is held.
  var name: Digest256? { names.withLock { $0.lease } }

  /// Whether the object is still there: nobody has taken the lease away.
  func isHeld() throws(StorageError) -> Bool {
    guard let name else { return false }
    return try repository.storage.list(.lease).contains { $0.id == name }
  }

  /// Whether there was a time without the lease.
  ///
  /// It is never put again under the same name, so one look at the end is enough.
  func wasLost() throws(StorageError) -> Bool {
    if isLost.load(ordering: .relaxed) { return true }
    return try !isHeld()
  }

  /// For those who read: tells whoever has asked for it (`Repository.onLeaseLoss`) that the lease is
  /// gone, and something may have been freed.
  ///
  /// What they have read is right all the same, since every byte of it was verified.
  ///
  /// - Parameter hasFailed: Something could not be read. Else a short operation is not worth a
  ///   look at the storage.
  func tellIfLost(hasFailed: Bool = false) {
    var isGone = isLost.load(ordering: .relaxed)
    do throws(StorageError) {
      if hasFailed || SystemClock.monotonicSeconds - begun > Self.shortOperation {
        isGone = try wasLost()
      }
      if isGone { repository.leaseLoss.withLock { $0 }?(hasFailed) }
    } catch {
      // Out of reach: whoever reads has had an error of its own, or all that it wanted.
    }
  }

  /// Seconds in which hardly anything is freed: to look costs a round trip.
  private static let shortOperation = 1.0

  /// Puts a new lease.
  func renew() throws {
    let lease = Lease.current(operation, on: repository.machine)
    let new = try repository.publish(lease.encoded(), as: .lease, in: .lease)
    _ = repository.ownLeases.withLock { $0.insert(new) }
    let old = names.withLock { names in
      let old = names
      names = Names(lease: new)
      return old
    }
    try remove(old)
  }

  /// Says that the operation still runs.
  private func beat() {
    guard let name else { return }
    do {
      guard try isHeld() else {
        // Unless it was renewed meanwhile.
        if self.name == name { isLost.store(true, ordering: .relaxed) }
        return
      }
      let new = try repository.publish(
        LeaseObject.heartbeat(of: name).encoded(), as: .lease, in: .lease)
      let old = names.withLock { names in
        let isCurrent = names.lease == name
        let old = isCurrent ? names.heartbeat : new
        if isCurrent { names.heartbeat = new }
        return old
      }
      if let old { try repository.storage.delete(.object(.lease, old)) }
    } catch {
      // Out of reach for now. Should others take us for gone because of it, the end of the
      // operation finds that out.
    }
  }

  /// Deletes the lease.
  ///
  /// If that fails, others find it abandoned when this process has ended.
  func release() {
    let last = names.withLock { names in
      let last = names
      names = Names()
      return last
    }
    end.set()
    do {
      try remove(last)
    } catch {
      // The storage is out of reach; see above.
    }
  }

  private func remove(_ names: Names) throws(StorageError) {
    if let lease = names.lease { _ = repository.ownLeases.withLock { $0.remove(lease) } }
    for name in [names.heartbeat, names.lease] {
      if let name { try repository.storage.delete(.object(.lease, name)) }
    }
  }
}

extension Repository {
  /// Looks at the repository as it is now, and runs `body` while nothing in it is freed.
  ///
  /// A storage that cannot be written to is read without that protection: whoever may not write a
  /// lease may still read.
  ///
  /// - Parameters:
  ///   - operation: What is being done, for others to see.
  ///   - problem: Told of objects that cannot be had, and are made do without.
  ///   - body: Reads.
  /// - Returns: What `body` returns.
  /// - Throws: What `body` throws, and errors of the storage.
  public func reading<R>(
    _ operation: String, problem: (Corruption) -> Void = { _ in }, _ body: () throws -> R
  ) throws -> R {
    let lease = try leaseIfPossible(operation)
    defer { lease?.release() }
    do {
      for found in try refresh() {
        problem(Corruption(object: found.object, cause: found.error))
      }
      let result = try body()
      lease?.tellIfLost()
      return result
    } catch {
      lease?.tellIfLost(hasFailed: true)
      throw error
    }
  }

  /// Says what to do when an operation that reads finds its lease taken away: others may have freed
  /// what it has not read yet.
  ///
  /// - Parameter body: Told whether the operation has failed.
  public func onLeaseLoss(_ body: @escaping @Sendable (_ hasFailed: Bool) -> Void) {
    leaseLoss.withLock { $0 = body }
  }

  /// Runs `body` while nothing in the repository is freed: while a copy of it is made, say.
  ///
  /// - Parameters:
  ///   - operation: What is being done, for others to see.
  ///   - body: Runs under the lease.
  /// - Returns: What `body` returns.
  /// - Throws: What `body` throws; errors of the storage, if there can be no lease, or it cannot be
  ///   said whether it has held; `RepositoryError.protectionLost` if it has not.
  public func withLease<R>(_ operation: String, _ body: () throws -> R) throws -> R {
    let lease = try HeldLease(self, operation: operation)
    defer { lease.release() }
    let result = try body()
    guard try !lease.wasLost() else { throw RepositoryError.protectionLost }
    return result
  }

  /// A lease for reading; `nil` on a storage that cannot be written to, or is full.
  func leaseIfPossible(_ operation: String) throws -> HeldLease? {
    do {
      return try HeldLease(self, operation: operation)
    } catch StorageError.system, StorageError.noSpace, StorageError.refused,
      StorageError.quotaExceeded, StorageError.missingDirectory
    {
      return nil
    }
  }

  /// Deletes a lease of somebody who is gone, and what belongs to it.
  func end(_ lease: Leases.Entry) throws {
    for heartbeat in lease.heartbeats { try storage.delete(.object(.lease, heartbeat)) }
    try storage.delete(.object(.lease, lease.id))
  }

  /// The operations of others that may still be running.
  ///
  /// - Returns: What they are, for people.
  /// - Throws: Errors of the storage.
  public func operationsOfOthers() throws -> [String] {
    // One of our own shows what time it is for the storage.
    let own = try HeldLease(self, operation: "delete")
    defer { own.release() }
    let leases = try leases { _, _ in }
    return leases.ordered
      .filter { $0.id != own.name && !leases.isAbandoned($0, seenFrom: machine) }
      .map(\.lease.description)
  }

  /// Ends leases.
  ///
  /// - Parameter all: Those of operations that may still be running, too, and those that cannot be
  ///   read.
  /// - Returns: The operations whose leases were ended.
  /// - Throws: Errors of the storage.
  public func breakLeases(all: Bool) throws -> [String] {
    // Of our own, because it shows what time it is for the storage.
    let own = try HeldLease(self, operation: "break-lock")
    defer { own.release() }
    var ended: [String] = []
    var unreadable: [ObjectName] = []
    let leases = try leases { name, _ in unreadable.append(name) }
    if all {
      for name in unreadable {
        try storage.delete(name)
        ended.append(name.path)
      }
    }
    for entry in leases.ordered where entry.id != own.name {
      guard all || leases.isAbandoned(entry, seenFrom: machine) else { continue }
      try end(entry)
      ended.append(entry.lease.description)
    }
    return ended
  }
}
