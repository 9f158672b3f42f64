import ChunkStore
import LinuxSystem
import Synchronization

extension Progress {
  /// Begins to show how far a backup is.
  ///
  /// - Parameters:
  ///   - session: Says what is wanted, and where it goes.
  ///   - counters: What the backup counts.
  ///   - builder: Knows what is stored.
  ///   - parents: The archives before; the larger of them says how much there may be to do.
  /// - Returns: What has to be told when all is done; `nil` if nothing is shown.
  static func begin(
    _ session: Session, _ counters: BackupCounters, _ builder: ArchiveBuilder, parents: [Archive]
  ) -> Progress? {
    let start = SystemClock.monotonicSeconds
    let stored = builder.storedSoFar
    let expectedSize = parents.map(\.manifest.statistics.originalSize).max()
    return begin(session) {
      ProgressState(
        kind: .backup(
          ProgressState.Backup(
            files: counters.fileCount, originalSize: counters.originalSize,
            storedSize: stored().storedSize, expectedSize: expectedSize,
            elapsed: SystemClock.monotonicSeconds - start)),
        path: counters.path)
    }
  }
}

/// The progress of an `extract`: the bytes so far, and the current item.
final class RestoreProgress: Sendable {
  /// Counts the bytes.
  let meter = Meter()
  private let path = Mutex<[UInt8]>([])
  private let shown = Mutex<Progress?>(nil)

  /// Begins to show how far the restoration is, if that is wanted.
  ///
  /// - Parameters:
  ///   - session: Says what is wanted, and where it goes.
  ///   - archive: What is restored.
  ///   - repository: Where that is.
  ///   - selection: Which items, if not all: these are added up first, to know their share.
  /// - Throws: Errors of the repository.
  init(
    _ session: Session, _ archive: Archive, in repository: Repository, selection: Selection?
  ) throws {
    guard Progress.isShown(session) else { return }
    var total = archive.manifest.statistics.originalSize
    if var selection {
      total = 0
      var items = SelectedItems(try repository.items(of: archive), selection)
      // The run itself tells of items that are lost.
      while let item = try items.next(passing: { _ in }) {
        guard selection.contains(item.path) else { continue }
        total += item.content?.size ?? 0
      }
    }
    meter.begin(.extracting, total: total, unit: .bytes)
    let progress = Progress.begin(session) { [meter, weak self] in
      meter.reading.map {
        ProgressState(kind: .stage($0), path: self?.path.withLock { $0 } ?? [])
      }
    }
    shown.withLock { $0 = progress }
  }

  /// Says which item is next.
  func begin(_ item: Item) { path.withLock { $0 = item.path.bytes } }

  /// Removes what was shown.
  func finish() { shown.withLock { $0?.finish() } }
}
