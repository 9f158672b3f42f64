import ChunkStore

/// Names that borg gives to the states of backups that are under way.
enum CheckpointName {
  /// Whether a name ends in `.checkpoint`, or in that and a number: `web.checkpoint.2`.
  static func isOne(_ name: String) -> Bool {
    if name.hasSuffix(ArchiveManifest.checkpointSuffix) { return true }
    guard let dot = name.lastIndex(of: ".") else { return false }
    let number = name[name.index(after: dot)...]
    return !number.isEmpty && number.allSatisfy { ("0"..."9").contains($0) }
      && name[..<dot].hasSuffix(ArchiveManifest.checkpointSuffix)
  }
}
