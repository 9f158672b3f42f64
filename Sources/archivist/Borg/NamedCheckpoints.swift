import ChunkStore

/// The archives with names of checkpoints in borg's `prune`: no rule is for them.
///
/// In each group of archives, such as those of one machine, the newest one stays as long as there is no
/// later archive: no other machine's backup supersedes it. In archivist's own style such a name is one like
/// others.
struct NamedCheckpoints {
  /// Those that the rules are for.
  let others: [Archive]
  /// The checkpoints that nothing has superseded.
  let kept: [Archive]
  /// The checkpoints that go.
  let superseded: [Archive]

  /// Divides archives.
  ///
  /// - Parameters:
  ///   - archives: All that are meant.
  ///   - grouping: The groups that the rules apply to.
  ///   - style: Whether such names mean anything.
  init(_ archives: [Archive], by grouping: ArchiveGrouping, _ style: CommandStyle) {
    guard style == .borg else {
      (others, kept, superseded) = (archives, [], [])
      return
    }
    var newest: [ArchiveGroup: Timestamp] = [:]
    var others: [Archive] = []
    var checkpoints: [Archive] = []
    for archive in archives {
      guard !CheckpointName.isOne(archive.name) else {
        checkpoints.append(archive)
        continue
      }
      others.append(archive)
      let group = grouping.group(of: archive.manifest)
      newest[group] = max(newest[group] ?? archive.start, archive.start)
    }
    var kept: [Archive] = []
    var superseded: [Archive] = []
    for checkpoint in checkpoints.sorted(by: { $0.start > $1.start }) {
      let group = grouping.group(of: checkpoint.manifest)
      if let start = newest[group], start >= checkpoint.start {
        superseded.append(checkpoint)
      } else {
        kept.append(checkpoint)
        newest[group] = checkpoint.start
      }
    }
    (self.others, self.kept, self.superseded) = (others, kept, superseded)
  }
}
