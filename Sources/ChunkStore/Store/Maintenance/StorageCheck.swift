public import LinuxSystem
import ObjectStorage
import StoreCrypto
import StoreEncoding
import Synchronization

/// Compares stored objects with their names, which are the SHA-256 of their bytes.
///
/// Needs no key: the machine that stores a repository can do it by itself. It finds what time and
/// faulty disks do; what a hostile storage does, only a check with the key can find.
public enum StorageCheck {
  /// The result of the check.
  public struct Report: Sendable {
    /// The damaged objects, in words.
    public var problems: [String] = []
    /// Objects that were read.
    public var objects = 0
    /// Their bytes.
    public var bytes = 0
  }

  private static let pieceSize = 4 << 20

  /// Reads all objects that are named by their content, on all processors.
  ///
  /// - Parameters:
  ///   - storage: What is read.
  ///   - meter: Shows how far it is.
  /// - Returns: What was found.
  /// - Throws: What keeps the storage from being listed.
  public static func run(_ storage: any Storage, meter: Meter = Meter()) throws -> Report {
    guard try !storage.generations().isEmpty else {
      throw StorageError.missingRepository(storage.location)
    }
    let missing = try storage.missingDirectories()
    var objects: [(name: ObjectName, size: Int)] = []
    for kind in ObjectName.Kind.allCases where kind.isContentAddressed {
      if missing.contains(kind.rawValue) { continue }
      objects += try storage.list(kind).map { (.object(kind, $0.id), $0.size) }
    }
    meter.begin(
      .verifyingData, total: objects.reduce(0) { $0 + UInt64(clamping: $1.size) }, unit: .bytes)
    let report = Mutex(
      Report(
        problems: ObjectName.Kind.allCases.map(\.rawValue)
          .filter { missing.contains($0) && $0 != ObjectName.Kind.lease.rawValue }
          .map { "\($0)/: the directory is missing" }))
    let queue = BoundedQueue<ObjectName>(capacity: 4)
    let group = ThreadGroup()
    group.onFailure { queue.cancel() }
    for number in 0..<ThreadGroup.processorCount {
      group.start("verify \(number)") {
        while let name = queue.pop() {
          let problem: String?
          var size = 0
          do {
            problem =
              try isWhole(name, storage, meter, size: &size)
              ? nil : FormatError.authenticationFailed.description
          } catch StorageError.notFound {
            continue  // Removed since it was listed.
          } catch let error as StorageError where error.isOfOneObject {
            problem = Corruption.text(of: error)
          }
          report.withLock { report in
            report.objects += 1
            report.bytes += size
            if let problem { report.problems.append("\(name.path): \(problem)") }
          }
        }
      }
    }
    do {
      for object in objects { try queue.push(object.name) }
      queue.close()
    } catch {
      group.fail(error)
    }
    try group.join()
    return report.withLock { report in
      report.problems.sort()
      return report
    }
  }

  /// Whether an object's bytes are those that its name is the SHA-256 of.
  static func isWhole(_ name: ObjectName, _ storage: any Storage) throws -> Bool {
    var size = 0
    return try isWhole(name, storage, Meter(), size: &size)
  }

  /// Whether an object's bytes are those that its name stands for; counts them in `size`.
  static func isWhole(
    _ name: ObjectName, _ storage: any Storage, _ meter: Meter, size: inout Int
  ) throws -> Bool {
    guard case .object(_, let id) = name else { return true }
    var hash = try SHA256()
    while true {
      let piece = try storage.get(name, range: size..<(size + pieceSize))
      try hash.update(piece.span)
      size += piece.count
      meter.advance(by: UInt64(piece.count))
      guard piece.count == pieceSize, size <= Limits.segmentSize else { break }
    }
    return try hash.finalize() == id
  }
}
