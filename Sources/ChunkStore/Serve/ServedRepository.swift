import ObjectStorage
import StoreCrypto
import StoreEncoding
import Synchronization

/// A local repository as one client may see it: every request is held against the policies.
final class ServedRepository: Sendable {
  package let storage: LocalStorage
  /// The canonical path.
  package let path: String
  private let given: String
  /// Which directory was opened, whatever is at its path later.
  private let identity: (device: UInt64, inode: UInt64)
  private let policies: [ServePolicy]
  private let demandsForm: Bool
  private let quotas: [QuotaMeter]
  /// The leases, and signs of life, that were put in this connection.
  private let leases = Mutex(Set<Digest256>())

  /// In append-only mode a lease of somebody else is abandoned when it is as old as this, by the
  /// storage's clock: no longer than a day without a new connection.
  private static let leaseLifetime: Int64 = 24 * 3600

  /// Opens the repository at `path`, or makes it, if all policies permit that.
  init(
    path asked: String, makes: Bool, makesParents: Bool, policies: [ServePolicy],
    demandsForm: Bool = true
  ) throws(StorageError) {
    let given = HomeDirectory.expanding(asked)
    let path = try CanonicalPath.of(given)
    for policy in policies { try Self.demandPath(path, given, policy) }
    var quotas: [QuotaMeter] = []
    for policy in policies {
      guard let quota = policy.quota else { continue }
      // Of all that the client may reach, or it would get the same once more with each repository
      // that it makes.
      let directories = policy.restrictsPaths ? policy.paths + policy.repositories : [path]
      var canonical: [String] = []
      for directory in directories { canonical.append(try CanonicalPath.of(directory)) }
      quotas.append(QuotaMeter(canonical, quota: quota))
    }
    if makes {
      for policy in policies {
        if let refusal = policy.refusal(toPut: .config(1)) {
          throw .refused("\(given): \(refusal): make the repository where it is")
        }
      }
      storage = try Self.adding(LocalStorage.emptySize, to: quotas) { () throws(StorageError) in
        if makesParents { try LocalFile.makePrivateDirectories("\(path)/..") }
        // A client's own restrictions do not count: it may only restrict itself.
        return try LocalStorage.create(path: path, mode: policies.first?.mode)
      }
    } else {
      storage = try LocalStorage(path: path)
    }
    identity = try storage.identity()
    self.path = path
    self.given = given
    self.policies = policies
    self.demandsForm = demandsForm
    self.quotas = quotas
  }

  // MARK: What policies say

  private static func demandPath(
    _ path: String, _ given: String, _ policy: ServePolicy
  ) throws(StorageError) {
    guard try policy.permits(repository: path) else {
      throw .refused("\(given): the server does not permit this path")
    }
  }

  /// Refuses what is not where it was, or leads elsewhere, where paths are restricted.
  private func confine(_ inner: String) throws(StorageError) {
    guard policies.contains(where: \.restrictsPaths) else { return }
    guard try CanonicalPath.of(given) == path, let there = try LocalFile.status(path),
      (there.device, there.inode) == identity
    else { throw .refused("\(given): is not what it was when it was opened") }
    for policy in policies { try Self.demandPath(path, given, policy) }
    let found = try CanonicalPath.of("\(path)/\(inner)")
    guard CanonicalPath.contains(path, found) else {
      throw .refused("\(given)/\(inner): leads out of the repository")
    }
  }

  private func confine(_ name: ObjectName) throws(StorageError) { try confine(name.path) }

  /// Refuses an object that is a link to somewhere else, and says that it is this object alone.
  private func confineReading(_ name: ObjectName) throws(StorageError) {
    do throws(StorageError) { try confine(name) } catch .refused(let why) {
      // Unless the repository itself is not where it was.
      try confine("")
      throw .damaged("\(given)/\(name)", why)
    }
  }

  private func demandRemoval(_ what: String) throws(StorageError) {
    for policy in policies {
      if let refusal = policy.refusalToRemove { throw .refused("\(what): \(refusal)") }
    }
  }

  private func demandWriting(_ what: String) throws(StorageError) {
    guard !policies.contains(where: \.isReadOnly) else {
      throw .refused("\(what): the server permits reading only")
    }
  }

  private func demandPut(_ name: ObjectName) throws(StorageError) {
    for policy in policies {
      if let refusal = policy.refusal(toPut: name) { throw .refused("\(name): \(refusal)") }
    }
    try confine(name)
  }

  /// Refuses bytes that are not those that the name stands for.
  package static func demand(_ digest: Digest256, for name: ObjectName) throws(StorageError) {
    guard case .object(let kind, let id) = name, kind.isContentAddressed, id != digest else {
      return
    }
    throw .refused("\(name): what was sent is not what this name stands for")
  }

  /// Refuses what cannot be the object that the name stands for.
  private func demandForm(
    _ name: ObjectName, prefix: ArraySlice<UInt8>, size: Int
  ) throws(StorageError) {
    if demandsForm { try ObjectForm.demand(name, prefix: Array(prefix), size: size) }
  }

  // MARK: Requests

  package func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    try confineReading(name)
    return try storage.get(name, range: range)
  }

  /// The file that an object is in, and its size.
  package func file(_ name: ObjectName) throws(StorageError) -> (LocalFile, size: Int) {
    try confineReading(name)
    let file = try storage.file(name)
    return (file, try file.status().size)
  }

  package func list(_ kind: ObjectName.Kind) throws(StorageError) -> [StoredObject] {
    try confine(kind.rawValue)
    return try storage.list(kind)
  }

  package func generations() throws(StorageError) -> [UInt32] {
    try confine(ObjectName.configDirectory)
    return try storage.generations()
  }

  package func put(_ name: ObjectName, _ bytes: [UInt8]) throws(StorageError) {
    try demandPut(name)
    let digest: Digest256
    do throws(CryptoError) { digest = try SHA256.digest(of: bytes.span) } catch {
      throw .damaged("\(name)", "\(error)")
    }
    try Self.demand(digest, for: name)
    try demandForm(name, prefix: bytes.prefix(ObjectForm.prefixSize), size: bytes.count)
    try Self.adding(QuotaMeter.charge(bytes.count), to: quotas) { () throws(StorageError) in
      try storage.put(name, bytes)
    }
    remember(name)
  }

  package func beginUpload() throws(StorageError) -> ServedUpload {
    try demandWriting("an upload")
    try confine("tmp")
    try take(QuotaMeter.charge(0))
    return try ServedUpload(self, storage.beginUpload())
  }

  /// Publishes an upload.
  package func commit(
    _ upload: any Upload, as name: ObjectName, digest: Digest256, prefix: [UInt8], size: Int
  ) throws(StorageError) {
    try demandPut(name)
    try Self.demand(digest, for: name)
    try demandForm(name, prefix: prefix[...], size: size)
    // Its bytes are there already, and are counted.
    try Self.adding(0, to: quotas) { () throws(StorageError) in try upload.commit(as: name) }
    remember(name)
  }

  /// Counts so many more bytes of an upload, or refuses them if there is no room.
  package func take(_ size: Int) throws(StorageError) {
    for quota in quotas { try quota.take(size) }
  }

  private static func adding<R>(
    _ size: Int, to quotas: [QuotaMeter], _ body: () throws(StorageError) -> R
  ) throws(StorageError) -> R {
    // At most two: the forced command's, and what the client itself asked for.
    guard let first = quotas.first else { return try body() }
    for other in quotas.dropFirst() { try other.take(size) }
    return try first.adding(size, body)
  }

  package func delete(_ name: ObjectName) throws(StorageError) {
    try demandWriting("\(name)")
    if policies.contains(where: \.isAppendOnly) {
      guard case .object(.lease, let id) = name else { return try demandRemoval("\(name)") }
      let isOwn = leases.withLock { $0.contains(id) }
      let mayEnd = if isOwn { true } else { try isAbandoned(id) }
      guard mayEnd else {
        throw .refused("\(name): the server permits ending one's own leases only")
      }
    }
    try confine(name)
    try storage.delete(name)
    if case .object(.lease, let id) = name { _ = leases.withLock { $0.remove(id) } }
  }

  package func setAside(_ name: ObjectName) throws(StorageError) {
    try demandWriting("\(name)")
    try demandRemoval("\(name)")
    try confine(name)
    try confine("aside")
    try storage.setAside(name)
  }

  private func isAbandoned(_ lease: Digest256) throws(StorageError) -> Bool {
    guard let found = try storage.list(.lease).first(where: { $0.id == lease }) else { return true }
    return found.date < (try storage.present()).earlier(bySeconds: Self.leaseLifetime)
  }

  private func remember(_ name: ObjectName) {
    guard case .object(.lease, let id) = name else { return }
    _ = leases.withLock { $0.insert(id) }
  }

  package func settle(_ kinds: [ObjectName.Kind]) throws(StorageError) {
    for kind in kinds { try confine(kind.rawValue) }
    try storage.settle(kinds)
  }

  package func removeAbandonedUploads() throws(StorageError) {
    try demandRemoval("abandoned uploads")
    try confine("tmp")
    try storage.removeAbandonedUploads()
  }

  package func releaseReserve() throws(StorageError) {
    try demandRemoval("the reserve")
    try confine("reserve")
    try storage.releaseReserve()
  }

  package func restoreReserve() throws(StorageError) {
    try demandRemoval("the reserve")
    try confine("reserve")
    try storage.restoreReserve()
  }

  package func makeMissingDirectories() throws(StorageError) {
    // It would hide that something is gone from whoever deletes.
    try demandRemoval("missing directories")
    try confine("")
    try storage.makeMissingDirectories()
  }

  /// Ends the leases of this connection: it has ended without a goodbye.
  ///
  /// - Returns: How many there were.
  func releaseLeases() throws(StorageError) -> Int {
    let left = leases.withLock { $0 }
    for lease in left { try storage.delete(.object(.lease, lease)) }
    return left.count
  }
}
