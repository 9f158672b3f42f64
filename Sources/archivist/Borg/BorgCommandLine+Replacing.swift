import ChunkStore

extension BorgCommandLine {
  /// Asks for figures at the end, by one of two options that exclude each other.
  mutating func addFigures(_ name: String) throws(CommandFailure) {
    guard figures == nil || figures == name else {
      throw CommandFailure("--stats and --quick-stats are mutually exclusive")
    }
    if figures == nil { add("--stats") }
    if name == "--quick-stats" { settings.showsOwnFigures = true }
    figures = name
  }

  /// Takes the encryption that is nearest to one of borg's.
  mutating func addEncryption(_ value: [UInt8]) throws(CommandFailure) {
    var name = String(decoding: value, as: UTF8.self)
    let isBorgs = BorgEncryption(rawValue: name) != nil
    if name.hasSuffix("-blake2") { name.removeLast("-blake2".utf8.count) }
    add("--encryption", Array(name.utf8))
    guard isBorgs else { return }
    switch name {
    case "repokey":
      say(
        "Encryption \(name: value): AES-256-GCM, with the key in the repository, under the passphrase"
      )
    case "keyfile":
      say(
        "Encryption \(name: value): AES-256-GCM, with the key in a file of this client, under the passphrase"
      )
    case "authenticated":
      say("Encryption \(name: value): contents are signed, and not encrypted")
    default:
      say("Encryption \(name: value): whoever reads the repository reads what is in it")
    }
  }

  /// Takes the codec that is nearest to one of borg's.
  mutating func addCompression(_ value: [UInt8]) throws(CommandFailure) {
    let text = String(decoding: value, as: UTF8.self)
    guard let nearest = BorgCompression.nearest(text) else {
      return add("--compression", value)
    }
    add("--compression", Array(nearest.utf8))
    if nearest != text { say("Compression \(name: value): \(nearest) is used in its place") }
  }

  /// Takes the chunker that is nearest to one of borg's.
  mutating func addChunker(_ value: [UInt8]) throws(CommandFailure) {
    let text = String(decoding: value, as: UTF8.self)
    guard let nearest = BorgChunker.nearest(text) else {
      return add("--chunker-params", value)
    }
    add("--chunker-params", Array(nearest.utf8))
    let isSame = nearest == text || nearest == "buzhash,\(text)" || text == "default"
    if !isSame { say("Chunker parameters \(name: value): \(nearest) are used in their place") }
  }
}

/// borg's words for how a repository is encrypted.
enum BorgEncryption: String, CaseIterable, Sendable {
  case repokey
  case keyfile
  case authenticated
  case none
  case repokeyBlake2 = "repokey-blake2"
  case keyfileBlake2 = "keyfile-blake2"
  case authenticatedBlake2 = "authenticated-blake2"
}
