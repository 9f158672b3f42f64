import ChunkStore
import StoreCrypto

/// The documents that commands print which change or check a repository, with `--json`.
///
/// borg has none for these. docs/usage/json.md names every member; none is ever renamed.
enum CommandJSON {
  /// The archives that `delete` has deleted, or would.
  static func deletion(
    _ archives: [Archive], from repository: (String, JSON), isDryRun: Bool
  ) -> JSON {
    .object([
      ("archives", .array(archives.map { .object(members(of: $0)) })),
      ("deleted", .unsigned(UInt64(archives.count))), ("dry_run", .bool(isDryRun)), repository,
    ])
  }

  /// The archives that `delete --damaged` has given up, of which nothing but the id is known.
  static func givenUp(
    _ archives: [Digest256], from repository: (String, JSON), isDryRun: Bool
  ) -> JSON {
    .object([
      ("archives", .array(archives.map { .object([("id", .string($0.hex))]) })),
      ("deleted", .unsigned(UInt64(archives.count))), ("dry_run", .bool(isDryRun)), repository,
    ])
  }

  /// The archives that `prune` has kept and deleted, or would.
  ///
  /// - Parameters:
  ///   - plan: What the rules say.
  ///   - checkpoints: The archives that no rule is for.
  ///   - grouping: How archives are grouped.
  ///   - repository: The repository.
  ///   - isDryRun: Whether nothing was done.
  /// - Returns: The document.
  static func pruning(
    _ plan: PrunePlan<Archive>, _ checkpoints: NamedCheckpoints, by grouping: ArchiveGrouping,
    of repository: (String, JSON), isDryRun: Bool
  ) -> JSON {
    let archives = plan.groups.flatMap { group in
      group.decisions.map { decision in
        let rule: JSON =
          decision.reason.map { reason in
            .object([
              ("name", .string(reason.name)), ("number", .unsigned(UInt64(reason.number))),
              ("oldest", .bool(reason.isOldest)),
            ])
          } ?? .null
        return member(
          decision.archive.id, in: group.identity, isDeleted: decision.reason == nil, rule)
      }
    }
    let kept = checkpoints.kept.map {
      member(
        $0, in: grouping.group(of: $0.manifest), isDeleted: false,
        .object([
          ("name", .string("checkpoint")), ("number", .unsigned(1)), ("oldest", .bool(false)),
        ]))
    }
    let superseded = checkpoints.superseded.map {
      member($0, in: grouping.group(of: $0.manifest), isDeleted: true, .null)
    }
    return .object([
      ("archives", .array(archives + kept + superseded)),
      ("deleted", .unsigned(UInt64(plan.removed.count + superseded.count))),
      ("dry_run", .bool(isDryRun)), ("kept", .unsigned(UInt64(plan.kept.count + kept.count))),
      repository,
    ])
  }

  private static func member(
    _ archive: Archive, in group: ArchiveGroup, isDeleted: Bool, _ rule: JSON
  ) -> JSON {
    let shared = group.values.map { value in
      (value.key.rawValue, JSON.array(value.texts.map { .string(NameText.replacingInvalid($0)) }))
    }
    return .object(
      [("deleted", .bool(isDeleted)), ("group", .object(shared))] + members(of: archive)
        + [("rule", rule)])
  }

  private static func members(of archive: Archive) -> [(String, JSON)] {
    [
      ("hostname", .string(archive.manifest.hostname)), ("id", .string(archive.id.hex)),
      ("name", .string(archive.name)), ("start", .string(ArchiveJSON.time(archive.manifest.start))),
    ]
  }

  /// The space that `compact` has freed.
  static func compaction(_ report: CompactionReport, of repository: (String, JSON)) -> JSON {
    .object([
      ("damaged_segments", .array(report.damagedSegments.sorted().map { .string($0.hex) })),
      ("freed_bytes", .integer(Int64(report.freedBytes))),
      ("kept_segments", .integer(Int64(report.keptSegments))),
      ("moved_bytes", .integer(Int64(report.movedBytes))),
      ("removed_bytes", .integer(Int64(report.removedBytes))),
      ("removed_segments", .integer(Int64(report.removedSegments))), repository,
      ("waiting_segments", .integer(Int64(report.waitingSegments))),
      ("waits_for", .array(report.waitsFor.map { .string($0) })),
    ])
  }

  /// The objects that `check` has looked at, and its findings.
  ///
  /// - Parameters:
  ///   - report: What was found.
  ///   - problems: The same in words, with what the client itself has found.
  ///   - readsContents: Whether it was a check with `--verify-data`.
  ///   - repository: The repository.
  /// - Returns: The document.
  static func check(
    _ report: CheckReport, problems: [String], readsContents: Bool, of repository: (String, JSON)
  ) -> JSON {
    .object([
      ("archives", .integer(Int64(report.archives))), ("contents_read", .bool(readsContents)),
      ("problem_count", .integer(Int64(problems.count + report.untold))),
      ("problems", .array(problems.map { .string($0) })),
      ("quarantined_segments", .integer(Int64(report.quarantined))), repository,
      ("segments", .integer(Int64(report.segments))),
      ("verified_bytes", .integer(Int64(report.verifiedBytes))),
      ("verified_chunks", .integer(Int64(report.verifiedChunks))),
    ])
  }

  /// The objects that `check --storage-only` has read, and its findings.
  static func storageCheck(_ report: StorageCheck.Report) -> JSON {
    .object([
      ("objects", .integer(Int64(report.objects))),
      ("problem_count", .integer(Int64(report.problems.count))),
      ("problems", .array(report.problems.map { .string($0) })),
      ("verified_bytes", .integer(Int64(report.bytes))),
    ])
  }

  /// The findings and actions of `check --repair`, or of its dry run.
  static func repair(
    _ report: RepairReport, readsContents: Bool, isDryRun: Bool, of repository: (String, JSON)
  ) -> JSON {
    .object([
      ("actions", .array(report.actions.map { .string($0) })),
      ("contents_read", .bool(readsContents)), ("dry_run", .bool(isDryRun)),
      ("lost", .array(report.lost.map { .string($0) })),
      ("problem_count", .integer(Int64(report.check.problemCount))),
      ("problems", .array(report.check.problems.map { .string($0) })),
      ("remaining", .array(report.remaining.map { .string($0) })), repository,
      ("salvaged_blocks", .integer(Int64(report.salvagedBlocks))),
    ])
  }
}
