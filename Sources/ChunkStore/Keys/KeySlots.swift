public import Crypto

/// The key slots of a repository: who can open it, and with which passphrase.
///
/// Opened with a passphrase, because making a slot takes the secrets themselves, which an opened
/// `Repository` no longer has.
public struct KeySlots {
  private let repository: Repository
  let bundle: KeyBundle
  private let openedSlot: Digest256
  private let clientSlots: [[UInt8]]

  /// One slot, for people.
  public struct Entry: Sendable {
    /// What it is known by: the SHA-256 of its bytes.
    public var id: Digest256
    /// What its maker had to say about it.
    public var note: String
    /// When the note was made; the slot itself carries no date.
    public var date: Timestamp?
    /// What its passphrase costs to try; `nil` if it has none.
    public var parameters: ScryptParameters?
    /// Whether it is kept by the client instead of in the repository.
    public var isWithClient: Bool
    /// Whether it is the one that was opened just now.
    public var isOpened: Bool
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
    self.clientSlots = clientSlots
    for slot in try Repository.loadSlots(
      repository.storage, clientSlots: clientSlots, damage: { _, _ in })
    where slot.repositoryID == repository.id && (passphrase != nil || slot.derivation == .none) {
      if let bundle = try slot.open(passphrase: passphrase) {
        self.bundle = bundle
        openedSlot = try SHA256.digest(of: slot.encoded.span)
        return
      }
    }
    throw KeyError.wrongPassphrase
  }

  /// Whether a new repository of this suite may share the deduplication secret.
  ///
  /// - Throws: `KeyError.wouldBecomePublic`.
  public func checkSharing(with suite: Suite) throws(KeyError) {
    if suite == .none, bundle.suite != .none { throw .wouldBecomePublic }
  }

  /// All slots, the client's first.
  public func entries() throws -> [Entry] {
    let notes = try repository.labels(.keySlotNote) { _, _ in }
    let withClient = try Set(clientSlots.map { try SHA256.digest(of: $0.span) })
    return try Repository.loadSlots(
      repository.storage, clientSlots: clientSlots, damage: { _, _ in }
    ).map { slot in
      let id = try SHA256.digest(of: slot.encoded.span)
      let parameters: ScryptParameters? =
        if case .scrypt(let parameters) = slot.derivation { parameters } else { nil }
      return Entry(
        id: id, note: notes[id]?.label.text ?? "", date: notes[id]?.label.time,
        parameters: parameters, isWithClient: withClient.contains(id),
        isOpened: id == openedSlot)
    }
  }

  /// Adds a slot for another passphrase.
  ///
  /// - Returns: The id of the new slot.
  public func add(
    passphrase: Secret, note: String, parameters: ScryptParameters = .default
  ) throws -> Digest256 {
    let slots = try repository.storage.list(.key)
    guard slots.count < Limits.slots else { throw KeyError.tooManySlots(limit: Limits.slots) }
    let slot = try KeySlot(sealing: bundle, passphrase: passphrase, parameters: parameters)
    let id = try put(slot)
    try repository.setLabel(.keySlotNote, of: id, to: note)
    return id
  }

  /// Removes the slot whose id begins with `prefix`.
  ///
  /// - Throws: `KeyError.unknownSlot` if none or several do, `KeyError.lastSlot`.
  public func remove(_ prefix: String) throws {
    let slots = try repository.storage.list(.key).map(\.id)
    let found = slots.filter { $0.hex.hasPrefix(prefix) }
    guard found.count == 1, let id = found.first, !prefix.isEmpty else {
      throw KeyError.unknownSlot(prefix)
    }
    guard slots.count > 1 || !clientSlots.isEmpty else { throw KeyError.lastSlot }
    try remove(id)
  }

  /// Replaces the slot that was opened by one with another passphrase.
  ///
  /// The new slot is there before the old one goes.
  ///
  /// - Returns: The new slot, if it is for the client to keep in place of the old one.
  public func changePassphrase(
    to passphrase: Secret, parameters: ScryptParameters = .default
  ) throws -> [UInt8]? {
    let slot = try KeySlot(sealing: bundle, passphrase: passphrase, parameters: parameters)
    guard try repository.storage.list(.key).contains(where: { $0.id == openedSlot }) else {
      return slot.encoded
    }
    let note = try repository.labels(.keySlotNote, problem: { _, _ in })[openedSlot]?.label.text
    let id = try put(slot)
    try repository.setLabel(.keySlotNote, of: id, to: note ?? "")
    try remove(openedSlot)
    return nil
  }

  /// The slot that was opened, as it is stored: worth nothing without its passphrase.
  public func export() throws -> [UInt8] {
    for slot in try Repository.loadSlots(
      repository.storage, clientSlots: clientSlots, damage: { _, _ in })
    where try SHA256.digest(of: slot.encoded.span) == openedSlot {
      return slot.encoded
    }
    throw KeyError.noSlot
  }

  /// Puts an exported slot back, also when no other slot is left.
  ///
  /// - Throws: `KeyError.unknownSlot` if it belongs to another repository.
  public static func `import`(_ bytes: [UInt8], into storage: any Storage) throws -> Digest256 {
    let slot = try KeySlot(decoding: bytes)
    guard slot.repositoryID == (try Repository.identify(storage)) else {
      throw KeyError.unknownSlot("of repository \(slot.repositoryID.hex)")
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

  private func remove(_ id: Digest256) throws {
    try repository.storage.delete(.object(.key, id))
    // Reported as removed, it must not come back after a power cut.
    try repository.storage.settle([.key])
    if let label = try repository.labels(.keySlotNote, problem: { _, _ in })[id] {
      try repository.storage.delete(.object(.label, label.id))
    }
  }
}
