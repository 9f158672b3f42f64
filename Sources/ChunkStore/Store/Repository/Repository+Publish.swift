import ObjectStorage
import StoreFormat
internal import Synchronization

extension Repository {
  /// Puts an archive object, and reports success only if the lease has held all the time.
  ///
  /// - Parameters:
  ///   - manifest: The archive; everything that it refers to is published.
  ///   - lease: Was there before anything was looked for that it refers to. If it was taken away,
  ///     it is a new one now.
  /// - Returns: The archive, which is durable now.
  /// - Throws: `RepositoryError.leaseLost` if something may be gone meanwhile; then there is no
  ///   archive.
  func publish(_ manifest: ArchiveManifest, under lease: HeldLease) throws -> Archive {
    try settleAdopted()
    try storage.settle([.index])
    // Asked before as well, so that hardly ever something incomplete is to be seen.
    try confirm(lease, for: manifest.tree)
    let id = try publish(try manifest.encoded(), as: .archive, in: .archive)
    do {
      try confirm(lease, for: manifest.tree)
      return Archive(id: id, name: manifest.name, manifest: manifest)
    } catch {
      do throws(StorageError) {
        try storage.delete(.object(.archive, id))
      } catch {
        // Out of reach. It stays as one that was never reported: `check` says whether it is whole.
      }
      throw error
    }
  }

  /// Makes durable what another writer has put, and may not have made durable yet.
  ///
  /// Those of its segments are not in question that an index object names. There are hundreds of
  /// directories of segments, and to make one durable costs a flush of the disk, even if it is.
  func settleAdopted() throws(StorageError) {
    if hasAdopted.load(ordering: .relaxed) { try storage.settle([.segment]) }
  }

  /// Sees to it that a lease is held, and that nothing was removed while there may have been none.
  ///
  /// - Throws: `RepositoryError.leaseLost` if something was.
  private func confirm(_ lease: HeldLease, for tree: ItemTreeRoot?) throws {
    for _ in 0..<3 {
      if try lease.isHeld() { return }
      // It was taken for abandoned: everything may have been doomed meanwhile.
      try lease.renew()
      try refreshForWriting()
      try settleAdopted()
      guard try isUsable(tree) else { break }
    }
    throw RepositoryError.leaseLost
  }
}
