import ChunkStore
import LinuxSystem

/// Goes through listed paths instead of directories: what is in a directory is not visited.
///
/// Symbolic links are followed in the path of an entry, above its last name.
struct PathListWalk {
  let paths: SortedPaths
  /// Whether extended attributes are read.
  let readsExtendedAttributes: Bool

  /// Walks, as `Walker.run` does; of what is listed, everything is visited.
  func run(report: (WalkEvent) -> Void, visit: (WalkEntry) throws -> Void) throws {
    // Of a sorted list, many entries in a row are mostly in one directory.
    var directory: (path: [UInt8], handle: DirectoryHandle)?
    while let (path, location) = try paths.next({ report(.conflict($0, $1)) }) {
      let entry: WalkEntry
      do throws(SystemError) {
        let (directoryPath, name) = WalkRoot.split(location)
        if directory?.path != directoryPath {
          directory = (directoryPath, try DirectoryHandle(path: directoryPath))
        }
        guard let directory = directory?.handle else { continue }
        entry = try self.entry(path, in: directory, name) {
          report(.failed($0.at(location)))
        }
      } catch {
        report(.rootFailed(path, error.at(location)))
        continue
      }
      try visit(entry)
    }
  }

  private func entry(
    _ path: ArchivePath, in directory: DirectoryHandle, _ name: FileName,
    _ report: (SystemError) -> Void
  ) throws(SystemError) -> WalkEntry {
    let metadata = try directory.metadata(of: name)
    let isLink = metadata.kind == .symbolicLink
    let target = isLink ? try directory.linkTarget(name) : nil
    var attributes = AttributeReading()
    if readsExtendedAttributes {
      attributes = directory.extendedAttributes(of: name, kind: metadata.kind)
    }
    attributes.failures.forEach(report)
    return WalkEntry(
      path: path, root: 0, metadata: metadata, linkTarget: target,
      extendedAttributes: attributes.attributes, directory: directory, name: name)
  }
}
