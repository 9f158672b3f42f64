import LinuxSystem
import ObjectStorage
public import StoreCrypto
import StoreEncoding
import StoreFormat

/// The key slots of a repository: who can open it, and with which passphrase.
///
/// Opened with a passphrase, because making a slot takes the secrets themselves, which an opened
/// `Repository` no longer has.
public struct KeySlots: Sendable {
  let repository: Repository
  let bundle: KeyBundle
  private let opened: SlotSearch.Entry
  /// All slots as they were when one was opened.
  private let slots: SlotSearch
  /// How often it is asked whether another removal has ended, and the seconds in between.
  var patience = (count: 100, interval: 0.1)

  /// The operation in the lease of a removal: a removal of a slot looks for other leases that have
  /// it.
  static let removal = "key remove"

  /// One slot, for people.
  public struct Entry: Sendable {
    /// The id of the slot: the SHA-256 of its bytes.
    public var id: Digest256
    /// A note of the slot's maker.
    public var note: String
    /// When the note was made; the slot itself carries no date.
    public var date: Timestamp?
    /// The cost of trying its passphrase; `nil` if it has none.
    public var parameters: ScryptParameters?
    /// Whether it is kept by the client instead of in the repository.
    public var isWithClient: Bool
    /// Whether it is the one that was opened just now.
    public var isOpened: Bool
    /// The reason why it cannot be used; `nil` if it can.
    public var problem: (any Error)?
  }

  /// Opens the slots of a repository.
  ///
  /// - Parameters:
  ///   - repository: The opened repository.
  ///   - clientSlots: Slots that the client keeps for it.
  ///   - passphrase: The passphrase of any slot; `nil` for repositories that do not encrypt.
  /// - Throws: `KeyError.wrongPassphrase` if no slot opens.
  public init(
    _ repository: Repository, clientSlots: [[UInt8]], passphrase: Secret?
  ) throws {
    self.repository = repository
    var slots = try SlotSearch(repository.storage, of: repository.id, clientSlots: clientSlots)
    let (entry, bundle) = try slots.open {
      guard let passphrase else { throw KeyError.passphraseNeeded }
      return passphrase
    } accept: { bundle in
      guard bundle.suite == repository.suite,
        try KeyRing(bundle).authority.publicKey == repository.authority
      else {
        throw Corruption(
          object: .config(repository.generation), cause: PassedOverSlot.Reason.otherKeys)
      }
      return bundle
    }
    self.slots = slots
    self.bundle = bundle
    opened = entry
  }

  /// Whether a new repository of this suite may share the deduplication secret.
  ///
  /// - Throws: `KeyError.wouldBecomePublic`.
  public func checkSharing(with suite: Suite) throws(KeyError) {
    if suite == .none, bundle.suite != .none { throw .wouldBecomePublic }
  }

  /// All slots in the order in which they are tried, then what cannot be used.
  public func entries() throws -> [Entry] {
    let notes = try repository.labels(.keySlotNote) { _, _ in }
    func entry(
      _ name: ObjectName, _ isWithClient: Bool, parameters: ScryptParameters? = nil,
      problem: (any Error)? = nil
    ) -> Entry? {
      guard case .object(_, let id) = name else { return nil }
      let note = notes[id]?.label
      return Entry(
        id: id, note: note?.text ?? "", date: note?.time, parameters: parameters,
        isWithClient: isWithClient, isOpened: name == opened.name, problem: problem)
    }
    let unusable = Set(slots.passedOver.map(\.name))
    return slots.entries.filter { !unusable.contains($0.name) }.compactMap {
      let parameters: ScryptParameters? =
        if case .scrypt(let parameters) = $0.slot.derivation { parameters } else { nil }
      return entry($0.name, $0.isWithClient, parameters: parameters)
    } + slots.passedOver.compactMap { entry($0.name, $0.isWithClient, problem: $0.error) }
  }

  /// Adds a slot for another passphrase.
  ///
  /// - Returns: The id of the new slot.
  /// - Throws: `KeyError.tooManySlots` if there are as many as there may be.
  public func add(
    passphrase: Secret, note: String, parameters: ScryptParameters = .default
  ) throws -> Digest256 {
    try repository.demand(.write)
    guard slots.entries.count < Limits.slots else {
      throw KeyError.tooManySlots(limit: Limits.slots)
    }
    let slot = try KeySlot(sealing: bundle, passphrase: passphrase, parameters: parameters)
    let id = try put(slot)
    try repository.setLabel(.keySlotNote, of: id, to: note)
    return id
  }

  /// Removes what stands among the slots under the id that begins with `prefix`, slot or not.
  ///
  /// Never the slot that was opened: it is the only one of which it is certain that it opens.
  ///
  /// - Throws: `KeyError.unknownSlot` and `KeyError.ambiguousSlot` if none or several begin so,
  ///   `KeyError.lastSlot`, `KeyError.openedSlot`; `KeyError.beingChanged` while somebody else
  ///   removes one.
  public func remove(_ prefix: String) throws {
    try repository.demand(.delete)
    let listed = try repository.storage.list(.key).map(\.id)
    let found = listed.filter { $0.hex.hasPrefix(prefix) }
    guard let id = found.first, !prefix.isEmpty else { throw KeyError.unknownSlot(prefix) }
    guard found.count == 1 else { throw KeyError.ambiguousSlot(prefix, count: found.count) }
    if .object(.key, id) == opened.name, !opened.isWithClient {
      throw listed.count == 1 ? KeyError.lastSlot : KeyError.openedSlot
    }
    try excludingOthers { try delete(id, keeping: opened.isWithClient ? nil : opened.slot) }
  }

  /// Replaces the slot that was opened by one with another passphrase.
  ///
  /// The new slot is there before the old one goes, also where there are as many as there may be.
  ///
  /// - Returns: The new slot, if it is for the client to keep in place of the old one.
  public func changePassphrase(
    to passphrase: Secret, parameters: ScryptParameters = .default
  ) throws -> [UInt8]? {
    try repository.demand(.delete)
    let slot = try KeySlot(sealing: bundle, passphrase: passphrase, parameters: parameters)
    guard !opened.isWithClient, case .object(_, let old) = opened.name else { return slot.encoded }
    try excludingOthers {
      let note = try repository.labels(.keySlotNote, problem: { _, _ in })[old]?.label.text
      let id = try put(slot)
      try repository.setLabel(.keySlotNote, of: id, to: note ?? "")
      try delete(old, keeping: slot)
    }
    return nil
  }

  /// The slot that was opened, as it is stored: worth nothing without its passphrase.
  public func export() -> [UInt8] { opened.slot.encoded }

  /// Puts an exported slot back, also when no other slot is left.
  ///
  /// - Throws: `KeyError.slotOfOtherRepository` if it belongs to another repository.
  public static func `import`(_ bytes: [UInt8], into storage: any Storage) throws -> Digest256 {
    let slot = try KeySlot(decoding: bytes)
    guard slot.repositoryID == (try Repository.identify(storage)) else {
      throw KeyError.slotOfOtherRepository(slot.repositoryID.hex)
    }
    let id = try SHA256.digest(of: bytes.span)
    try storage.put(.object(.key, id), bytes)
    return id
  }

  /// The repository that an exported slot belongs to.
  public static func repositoryID(ofSlot bytes: [UInt8]) throws -> RepositoryID {
    try KeySlot(decoding: bytes).repositoryID
  }

  private func put(_ slot: KeySlot) throws -> Digest256 {
    let id = try SHA256.digest(of: slot.encoded.span)
    try repository.storage.put(.object(.key, id), slot.encoded)
    return id
  }

  /// Runs `body`, which removes a slot, while nobody else removes one.
  ///
  /// Two owners who remove each other's slot at the same time must not leave a repository that
  /// nobody can open. So whoever removes one says so by a lease, then looks for the leases of
  /// others, and goes on when there is none and its own slot is still there. Of two, one sees the
  /// other, whatever the order; the one whose lease has the greater name gives way.
  private func excludingOthers(_ body: () throws -> Void) throws {
    let lease = try HeldLease(repository, operation: Self.removal)
    defer { lease.release() }
    try waitForOthers(lease)
    if !opened.isWithClient, try !isStored(opened.name) {
      throw KeyError.slotVanished(isPutBack: false)
    }
    try body()
  }

  /// Removes a slot, while `kept` stays; `nil` if the slot that was opened is the client's.
  private func delete(_ id: Digest256, keeping kept: KeySlot?) throws {
    let storage = repository.storage
    try storage.delete(.object(.key, id))
    // Reported as removed, it must not come back after a power cut.
    try storage.settle([.key])
    if let kept {
      // Gone only if this process slept until its lease was taken for abandoned.
      let name = ObjectName.object(.key, try SHA256.digest(of: kept.encoded.span))
      if try !isStored(name) {
        _ = try put(kept)
        throw KeyError.slotVanished(isPutBack: true)
      }
    }
    if let label = try repository.labels(.keySlotNote, problem: { _, _ in })[id] {
      try storage.delete(.object(.label, label.id))
    }
  }

  private func isStored(_ name: ObjectName) throws -> Bool {
    try repository.storage.list(.key).contains { .object(.key, $0.id) == name }
  }

  /// Waits until nobody else removes a slot.
  ///
  /// - Throws: `KeyError.beingChanged` if another one goes first, or does not come to its end.
  private func waitForOthers(_ lease: HeldLease) throws {
    for attempt in 0... {
      let leases = try repository.leases { _, _ in }
      let others = leases.ordered.filter {
        $0.id != lease.name && $0.lease.operation == Self.removal
          && !leases.isAbandoned($0, seenFrom: repository.machine)
      }
      guard let name = lease.name, leases.entries[name] != nil else {
        throw KeyError.beingChanged(by: "break-lock")
      }
      // One that cannot be read may be of a removal, as long as it is young.
      let young = leases.present.earlier(bySeconds: Lease.lifetime)
      if let unreadable = leases.unreadable.first(where: { $0.value >= young })?.key {
        throw KeyError.beingChanged(by: ObjectName.object(.lease, unreadable).path)
      }
      guard let other = others.first else { return }
      guard name < other.id, attempt < patience.count else {
        throw KeyError.beingChanged(by: other.lease.description)
      }
      SystemClock.pause(patience.interval)
    }
  }
}
