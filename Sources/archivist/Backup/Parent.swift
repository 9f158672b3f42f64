import ChunkStore
import StoreCrypto

/// Which archive a new one is compared with.
///
/// Archives of a series follow each other: the same name template, user and paths. Only the
/// newest one that this client remembers making is trusted to say what is unchanged; a client
/// without such memory, a new machine, takes the newest of the same series and host that is not
/// dated in the future.
enum Parent {
  /// The series of archives made by the same command.
  ///
  /// A template without placeholders is another one for each archive, and so says nothing. The paths
  /// are those in the archive: wherever a snapshot is mounted, and whichever the current directory is,
  /// `/mnt/abc/./home` and `home` are the same.
  ///
  /// What is under one of these paths may be another tree than the last time. Comparing with an
  /// archive of that costs time, and nothing else: a file is unchanged only if its inode, times and
  /// size are.
  static func series(template: [UInt8], user: String, roots: [WalkRoot]) throws -> String {
    var text: [UInt8] = []
    if template.contains(UInt8(ascii: "{")) { text += template }
    text.append(0)
    text += user.utf8
    for root in roots {
      text.append(0)
      text += root.path.bytes
    }
    return try SHA256.digest(of: text.span).hex
  }

  /// Each one that is compared with costs a walk through it.
  private static let mostCheckpoints = 4

  /// The checkpoints since the newest finished archive of a series, newest first, and that archive,
  /// for what the interrupted backups had not come to.
  static func choose(
    from archives: [Archive], series: String, made: MadeArchives, hostname: String, now: Timestamp
  ) -> [Archive] {
    let related = archives.filter { archive in
      guard archive.manifest.series == series else { return false }
      guard made.isEmpty else { return made.contains(archive) }
      return archive.manifest.hostname == hostname && archive.start <= now
    }
    let finished = related.lastIndex { $0.manifest.kind == .archive }
    let checkpoints = related[(finished.map { $0 + 1 } ?? 0)...]
    return checkpoints.suffix(mostCheckpoints).reversed() + (finished.map { [related[$0]] } ?? [])
  }
}

extension Parent {
  /// The checkpoints of backups that were finished later on.
  static func superseded(_ archives: [Archive]) -> [Archive] {
    archives.filter { old in
      old.manifest.kind == .checkpoint
        && archives.contains { later in
          later.manifest.kind == .archive && later.manifest.tree != nil
            && later.manifest.series == old.manifest.series
            && later.manifest.hostname == old.manifest.hostname && later.start >= old.start
        }
    }
  }
}

/// The archives that this client remembers making.
struct MadeArchives {
  var finished: Set<String> = []
  var checkpoints: Set<String> = []

  /// A new machine, or one that has lost its memory.
  var isEmpty: Bool { finished.isEmpty && checkpoints.isEmpty }

  func contains(_ archive: Archive) -> Bool {
    finished.contains(archive.id.hex) || checkpoints.contains(archive.id.hex)
  }
}
