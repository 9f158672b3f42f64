import ChunkStore

/// The archives with names of checkpoints in borg's `prune`: no rule is for them.
///
/// The newest one stays as long as there is no later archive; in archivist's own style such a name is
/// one like others.
struct NamedCheckpoints {
  /// Those that the rules are for.
  let others: [Archive]
  /// A checkpoint that nothing has superseded.
  let kept: [Archive]
  /// The checkpoints that go.
  let superseded: [Archive]

  /// Divides archives.
  init(_ archives: [Archive], _ session: Session) {
    let isCheckpoint =
      { session.style == .borg && CheckpointName.isOne($0.name) } as (Archive) -> Bool
    others = archives.filter { !isCheckpoint($0) }
    let checkpoints = archives.filter(isCheckpoint).sorted { $0.start > $1.start }
    let newest = others.map(\.start).max() ?? Timestamp(seconds: .min)
    kept = checkpoints.prefix(1).filter { $0.start > newest }
    superseded = Array(checkpoints.dropFirst(kept.count))
  }
}
