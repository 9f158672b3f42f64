import ChunkStore
import LinuxSystem

/// How far a command is, for programs, in the objects that borg documents.
enum ProgressJSON {
  /// A state as one object.
  ///
  /// Of a backup, borg's `compressed_size` is missing: what unchanged files take up compressed is
  /// not looked at while the backup runs.
  static func object(_ state: ProgressState, time: Double) -> JSON {
    let path = JSON.members("path", state.path)
    switch state.kind {
    case .backup(let backup):
      return .object(
        [
          ("original_size", .unsigned(backup.originalSize)),
          ("deduplicated_size", .unsigned(backup.storedSize)), ("nfiles", .unsigned(backup.files)),
        ] + path + end("archive_progress", finished: false, time))
    case .stage(let reading):
      var members = head(reading)
      members.append(("message", .string(ProgressText.summary(state))))
      if reading.total > 0 {
        members += [
          ("current", .unsigned(min(reading.done, reading.total))),
          ("total", .unsigned(reading.total)),
          ("info", .array(state.path.isEmpty ? [] : [path[0].1])),
        ]
      }
      return .object(members + end(type(reading), finished: false, time))
    }
  }

  /// The object that says that there is no more to come of what `state` tells of.
  static func finished(_ state: ProgressState, time: Double) -> JSON {
    switch state.kind {
    case .backup: .object(end("archive_progress", finished: true, time))
    case .stage(let reading):
      .object(
        head(reading) + [("message", .string(""))] + end(type(reading), finished: true, time))
    }
  }

  private static func head(_ reading: Meter.Reading) -> [(String, JSON)] {
    [
      ("operation", .integer(Int64(reading.number))),
      ("msgid", .string(reading.stage.messageID)),
    ]
  }

  private static func type(_ reading: Meter.Reading) -> String {
    reading.total > 0 ? "progress_percent" : "progress_message"
  }

  private static func end(
    _ type: String, finished: Bool, _ time: Double
  ) -> [(String, JSON)] {
    [("time", .number(time)), ("type", .string(type)), ("finished", .bool(finished))]
  }
}

extension Meter.Stage {
  /// The stage's name for programs; borg's word where it has one.
  fileprivate var messageID: String {
    switch self {
    case .checkingSmallObjects: "check.small_objects"
    case .checkingSegments: "repository.check"
    case .checkingArchives: "check.rebuild_refcounts"
    case .verifyingData: "check.verify_data"
    case .markingArchives: "compact.mark_archives"
    case .movingChunks: "repository.compact_segments"
    case .removingSegments: "compact.remove_segments"
    case .deletingArchives: "archive.delete"
    case .copyingArchives: "copy"
    case .extracting: "extract"
    }
  }
}

extension Timestamp {
  /// Seconds since 1970, to the microsecond, as borg's messages have them.
  var unixTime: Double { Double(seconds) + Double(nanoseconds / 1000) / 1e6 }
}
