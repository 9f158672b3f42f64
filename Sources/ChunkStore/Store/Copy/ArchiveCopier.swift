public import LinuxSystem
import StoreCrypto
import StoreEncoding
import StoreFormat

/// Copies archives from one repository to another.
///
/// Between related repositories the tree of an archive stays the tree it is, and blocks are passed
/// through (`BlockTransfer`). Otherwise, or where contents are to be cut in another way, they are
/// read, verified, cut, compressed and stored as a backup does it (`ContentTransfer`). Either way,
/// what the destination has is not sent to it again.
///
/// A copy names its origin: the archive that was made by a backup, and not copied from anywhere. So
/// an archive that is there is known, whatever its name is by now, and however it got there.
/// Confined to one thread, `interruption` apart.
public final class ArchiveCopier {
  /// How contents are stored in the destination.
  public struct Options: Sendable {
    /// How blocks are compressed; `nil` to leave that as it is.
    public var compression: Compression?
    /// Where contents are cut; `nil` to leave that as it is.
    public var chunker: ChunkerParameters?

    /// Everything stays as it is.
    public init() {}
  }

  private let source: Repository
  private let destination: Repository
  private let options: Options
  private let meter: Meter
  private let interrupted = Event()
  private let lease: HeldLease
  private let sources: [Archive]
  /// By their origins, the archives that the destination has.
  private var copies: [ArchiveManifest.Origin: Archive] = [:]
  private var names: Set<[UInt8]> = []
  private var blocks: BlockTransfer?

  /// A machine that slept for long may have been taken for gone, and what it relied on be freed.
  private static let attempts = 3

  /// Looks at both repositories.
  ///
  /// The caller holds a lease at the source, with `Repository.reading`.
  ///
  /// - Parameters:
  ///   - source: Where archives are.
  ///   - destination: Where they are to be.
  ///   - options: How their contents are stored there.
  ///   - meter: Shows how far it is.
  ///   - problem: Told of archives, and of other objects, that cannot be had.
  /// - Throws: `CopyError.sameRepository`, and errors of the storages.
  public init(
    from source: Repository, to destination: Repository, options: Options = Options(),
    meter: Meter = Meter(), problem: (ObjectName, any Error) throws -> Void
  ) throws {
    // Two copies of one may each have what the other one lacks.
    guard source.id != destination.id || source.location != destination.location else {
      throw CopyError.sameRepository
    }
    try destination.demand(.write)
    self.source = source
    self.destination = destination
    self.options = options
    self.meter = meter
    sources = try source.archives(problem: problem).filter { $0.manifest.kind == .archive }
    // The lease first: whoever deletes segments then waits for us.
    lease = try HeldLease(destination, operation: "copy")
    do {
      var unreadable: [Corruption] = []
      try destination.refreshForWriting { unreadable.append($0) }
      for found in unreadable { try problem(found.object, found.cause) }
      for archive in try destination.archives(problem: problem)
      where archive.manifest.kind == .archive {
        note(archive)
      }
    } catch {
      lease.release()
      throw error
    }
  }

  deinit { lease.release() }

  /// Lets go of the destination.
  public func finish() { lease.release() }

  /// Ends the work early, from any thread: what is stored by then is found again by the next run.
  public var interruption: @Sendable () -> Void { { [interrupted] in interrupted.set() } }

  /// The archive of the destination that is a copy of `archive`, or what that is a copy of.
  public func copy(of archive: Archive) -> Archive? {
    copies[archive.origin(in: source)]
  }

  /// Copies an archive, unless it is there.
  ///
  /// - Parameter archive: One of the source's.
  /// - Returns: The copy.
  /// - Throws: `CopyError.unreadable` if it is damaged, `RepositoryError.archiveExists` if another
  ///   archive has its name; then the next one may still be copied.
  public func copy(_ archive: Archive) throws -> Archive {
    if let copy = copy(of: archive) { return copy }
    guard !names.contains(Array(archive.name.utf8)) else {
      throw RepositoryError.archiveExists(archive.name)
    }
    for _ in 1..<Self.attempts {
      do {
        return try attempt(archive)
      } catch RepositoryError.leaseLost {
        try lease.renew()
        try destination.refreshForWriting()
        blocks?.forget()
      }
    }
    return try attempt(archive)
  }

  private func attempt(_ archive: Archive) throws -> Archive {
    var manifest = archive.manifest
    // The one that it goes by now; labels stay where they are.
    manifest.name = archive.name
    manifest.origin = archive.origin(in: source)
    let copy =
      try passesBlocks(of: archive) ? transfer(archive, manifest) : rewrite(archive, manifest)
    note(copy)
    return copy
  }

  private func note(_ archive: Archive) {
    copies[archive.origin(in: destination)] = archive
    names.insert(Array(archive.name.utf8))
  }

  // MARK: Related repositories

  private func passesBlocks(of archive: Archive) -> Bool {
    source.keys.isRelated(to: destination.keys)
      && options.chunker.map { $0.description == archive.manifest.chunker } ?? true
  }

  private func transfer(_ archive: Archive, _ wanted: ArchiveManifest) throws -> Archive {
    let transfer =
      try blocks
      ?? BlockTransfer(
        from: source, to: destination, compression: options.compression, meter: meter,
        interruption: interrupted)
    blocks = transfer
    let stored = try transfer.run(archive)
    var manifest = wanted
    manifest.statistics.newSize = stored.newSize
    manifest.statistics.storedSize = stored.storedSize
    manifest.statistics.newChunks = stored.newChunks
    if let compression = options.compression { manifest.compression = compression.description }
    let name = lease.name
    let copy = try destination.publish(manifest, under: lease)
    // A new lease does not cover chunks that were seen before.
    if lease.name != name { transfer.forget() }
    return copy
  }

  // MARK: Others

  private func rewrite(_ archive: Archive, _ manifest: ArchiveManifest) throws -> Archive {
    var builder = ArchiveBuilder.Options()
    builder.compression = compression(of: archive)
    builder.chunker = chunker(of: archive)
    let previous = sources.last { earlier in
      guard earlier.manifest.series == archive.manifest.series, earlier.start <= archive.start,
        let copy = copy(of: earlier)
      else { return false }
      return copy.manifest.chunker == builder.chunker.description
    }
    let transfer = ContentTransfer(
      from: source, to: destination, options: builder, meter: meter, interruption: interrupted)
    return try transfer.run(
      archive, as: manifest,
      after: previous.flatMap { earlier in
        copy(of: earlier).map { (earlier, $0) }
      })
  }

  private func compression(of archive: Archive) -> Compression {
    options.compression ?? Compression(recorded: archive.manifest.compression)
  }

  private func chunker(of archive: Archive) -> ChunkerParameters {
    if let chunker = options.chunker { return chunker }
    do throws(ChunkerParametersError) {
      return try ChunkerParameters(parsing: archive.manifest.chunker)
    } catch {
      // Made by a later version, or by another program.
      return .default
    }
  }
}

extension Archive {
  /// Where the archive comes from, if it is in `repository` now.
  func origin(in repository: Repository) -> ArchiveManifest.Origin {
    manifest.origin ?? ArchiveManifest.Origin(repository: repository.id, archive: id)
  }
}

extension Compression {
  /// Reads the value of a manifest; the default where it is of a later version, or another
  /// program's.
  init(recorded text: String) {
    do throws(InvalidText) {
      try self.init(parsing: text)
    } catch {
      self = .default
    }
  }
}
