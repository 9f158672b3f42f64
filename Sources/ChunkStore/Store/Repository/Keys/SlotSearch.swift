import ObjectStorage
public import StoreCrypto
import StoreEncoding
import StoreFormat

/// Something among the key slots that was passed over when a repository was opened.
public struct PassedOverSlot: Sendable {
  /// The name of the slot's object.
  public let name: ObjectName
  /// Whether the client keeps it, in a file of its own.
  public let isWithClient: Bool
  /// Why: a `Reason`, or what keeps it from being read.
  public let error: any Error

  /// Why a key slot that can be read was passed over.
  public enum Reason: Error, Equatable, Sendable, CustomStringConvertible {
    /// It belongs to another repository.
    case otherRepository(RepositoryID)
    /// It demands more work than there may be for all that are tried.
    case tooCostly
    /// It opens, and its keys are not those that the repository is sealed with.
    case otherKeys
    /// There are more files than a reader looks at: so many, from this one on.
    case notExamined(count: Int)

    /// The description of the problem, as the end of a sentence that begins with the object.
    public var description: String {
      switch self {
      case .otherRepository(let id): "is a key slot of another repository, \(id.hex.prefix(12))"
      case .tooCostly: "asks for more work than all key slots together may"
      case .otherKeys: "holds other keys than those that the repository is sealed with"
      case .notExamined(let count):
        "is one of \(count) files among the key slots that were not looked at: "
          + "there are more than \(Limits.examinedSlots)"
      }
    }
  }
}

/// The key slots of a storage and of a client, and the search for one that opens.
///
/// Whoever can put files among the slots, key or not, must not lock anybody out: what is no slot of
/// this repository is passed over and named, what costs least is tried first, and all that is tried
/// costs no more than a bound. `docs/format.md`, section 6, is normative.
struct SlotSearch {
  /// A slot, and where it is.
  struct Entry {
    let name: ObjectName
    let isWithClient: Bool
    let slot: KeySlot
  }

  /// The slots of the repository, in the order in which they are tried.
  private(set) var entries: [Entry] = []
  /// The slots that were passed over, and why.
  private(set) var passedOver: [PassedOverSlot] = []
  private let id: RepositoryID

  /// Reads what stands among the slots.
  ///
  /// - Throws: What keeps `keys/` from being listed, or puts the storage out of reach.
  init(_ storage: any Storage, of id: RepositoryID, clientSlots: [[UInt8]]) throws {
    self.id = id
    for bytes in clientSlots {
      let name = ObjectName.object(.key, try SHA256.digest(of: bytes.span))
      try add(name, isWithClient: true) { bytes }
    }
    // The oldest first: what is put later, however much it is, crowds nothing out.
    let listed = try storage.list(.key).sorted { ($0.date, $0.id) < ($1.date, $1.id) }
    let examined = Array(listed.prefix(Limits.examinedSlots))
    var upcoming = UpcomingReads(.key, examined, in: storage)
    for (position, object) in examined.enumerated() {
      upcoming.reach(position)
      let name = ObjectName.object(.key, object.id)
      try add(name, isWithClient: false) {
        let bytes = try storage.get(name, range: 0..<(KeySlot.maximumSize + 1))
        guard try SHA256.digest(of: bytes.span) == object.id else {
          throw FormatError.authenticationFailed
        }
        return bytes
      }
    }
    if listed.count > examined.count {
      passedOver.append(
        PassedOverSlot(
          name: .object(.key, listed[examined.count].id), isWithClient: false,
          error: PassedOverSlot.Reason.notExamined(count: listed.count - examined.count)))
    }
    // Those of equal cost stay in order: the client's first, then the oldest.
    entries = entries.enumerated().sorted {
      ($0.element.slot.derivation.work, $0.offset) < ($1.element.slot.derivation.work, $1.offset)
    }.map(\.element)
  }

  private mutating func add(
    _ name: ObjectName, isWithClient: Bool, _ read: () throws -> [UInt8]
  ) throws {
    do {
      let slot = try KeySlot(decoding: try read())
      guard slot.repositoryID == id else {
        throw PassedOverSlot.Reason.otherRepository(slot.repositoryID)
      }
      entries.append(Entry(name: name, isWithClient: isWithClient, slot: slot))
    } catch StorageError.notFound {
      // Replaced since it was listed.
    } catch let error as StorageError where !error.isOfOneObject {
      throw error
    } catch {
      passedOver.append(PassedOverSlot(name: name, isWithClient: isWithClient, error: error))
    }
  }

  private mutating func passOver(_ entry: Entry, _ error: any Error) {
    passedOver.append(
      PassedOverSlot(name: entry.name, isWithClient: entry.isWithClient, error: error))
  }

  /// Opens the first slot whose keys are those of the repository.
  ///
  /// - Parameters:
  ///   - passphrase: Asked once, if a slot needs one.
  ///   - accept: Tells whether a bundle's keys are those of the repository; throws `Corruption` if
  ///     they are not.
  /// - Returns: The slot, and what `accept` has made of its bundle.
  /// - Throws: `KeyError` if none opens; what `accept` throws if one opens and none is accepted.
  mutating func open<R>(
    passphrase: () throws -> Secret, accept: (KeyBundle) throws -> R
  ) throws -> (entry: Entry, value: R) {
    var secret: Secret?
    var stretched: [ScryptParameters: Secret] = [:]
    var work: UInt64 = 0
    var found: (entry: Entry, value: R)?
    var rejection: (error: Corruption, isPublic: Bool)?
    var isForOther = false
    for entry in entries {
      let derivation = entry.slot.derivation
      let key: Secret
      if case .scrypt(let parameters) = derivation {
        if let known = stretched[parameters] {
          key = known
        } else if found != nil {
          continue
        } else {
          // A storage cannot use up what the client's own slot is allowed to cost.
          if !entry.isWithClient {
            guard work + derivation.work <= Limits.derivationWork else {
              passOver(entry, PassedOverSlot.Reason.tooCostly)
              isForOther = true
              continue
            }
            work += derivation.work
          }
          let given = try secret ?? passphrase()
          secret = given
          key = try KeySlot.stretch(given, as: derivation, for: id)
          stretched[parameters] = key
        }
      } else {
        key = try KeySlot.stretch(nil, as: derivation, for: id)
      }
      let bundle: KeyBundle
      do {
        // Tried even after the one that opens, where it costs nothing: so what is damaged is named
        // whatever the order.
        guard let opened = try entry.slot.open(stretched: key) else {
          isForOther = true
          continue
        }
        bundle = opened
      } catch {
        passOver(entry, error)
        continue
      }
      guard found == nil else { continue }
      do {
        found = (entry, try accept(bundle))
      } catch let error as Corruption {
        passOver(entry, PassedOverSlot.Reason.otherKeys)
        // Anybody can make a slot that opens without a passphrase: it says little.
        let isPublic = derivation == .none
        if rejection == nil || !isPublic { rejection = (error, isPublic) }
      }
    }
    if let found { return found }
    if let rejection, !rejection.isPublic || !isForOther { throw rejection.error }
    throw failure
  }

  /// Why none has opened.
  private var failure: any Error {
    let relevant = passedOver.filter {
      if case .otherRepository? = $0.error as? PassedOverSlot.Reason { false } else { true }
    }
    guard let first = relevant.first else {
      return entries.isEmpty ? KeyError.noSlot : KeyError.wrongPassphrase
    }
    guard entries.isEmpty, relevant.count == 1 else {
      return KeyError.noneOpens(
        passedOver: relevant.map {
          $0.error is StorageError ? "\($0.name) (\(Corruption.text(of: $0.error)))" : $0.name.path
        })
    }
    return first.error is StorageError
      ? first.error : Corruption(object: first.name, cause: first.error)
  }
}
