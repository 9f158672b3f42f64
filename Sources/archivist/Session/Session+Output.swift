import ChunkStore

/// Output that borg has in another place.
extension Session {
  /// Prints lines that were asked for: on standard output, in borg's style on standard error.
  func print(_ lines: [Message], about topic: Report.Topic) throws(OutputError) {
    guard style == .native else { return report.output(lines, about: topic) }
    for line in lines { try output.write(line.bytes + [0x0a]) }
  }

  /// Whether an archive is among those that are shown and selected where nothing is said of checkpoints.
  ///
  /// borg hides those with names of checkpoints, and its clients give such names to archives that are
  /// not finished yet.
  func isShown(_ archive: Archive) -> Bool {
    guard archive.manifest.kind == .archive else { return false }
    return style == .native || !CheckpointName.isOne(archive.name)
  }
}
