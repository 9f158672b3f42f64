import ChunkStore
import Glibc
import LinuxSystem
import StoreCrypto

/// Where this client keeps what it may lose (the cache), and what it must not (the configuration).
///
/// `ARCHIVIST_CACHE_DIR` and `ARCHIVIST_CONFIG_DIR` name the directories themselves; else they are in
/// `ARCHIVIST_BASE_DIR`, or where the XDG Base Directory Specification puts them.
///
/// `HOME` and the XDG variables count only where they lead to directories of this user's: after `sudo` they
/// may be another's, who could not use what root leaves there, and could change what root relies on.
struct ClientDirectories: Sendable {
  /// Disposable: deleting it costs time.
  let cache: String
  /// The directory of this client's memory of repositories, and of key files, unless they are
  /// elsewhere.
  let config: String
  /// Where key files are.
  private let keys: String
  /// The one key file, if there is to be no other.
  let onlyKeyFile: String?

  /// Finds the directories.
  ///
  /// - Parameters:
  ///   - environment: Names them.
  ///   - style: borg's variables count in borg's style alone: otherwise borg's own files are in there.
  init(_ environment: Environment, style: CommandStyle = .native) {
    func text(_ own: String, _ borgs: String? = nil) -> String? {
      if style == .borg, let borgs { environment.text(own, borgs) } else { environment.text(own) }
    }
    let base = text("ARCHIVIST_BASE_DIR", "BORG_BASE_DIR")
    // Without a home, what Debian gives as one: it is never there.
    let home =
      base ?? HomeDirectory.own(environment.text("HOME"))
      ?? (geteuid() == 0 ? "/root" : "/nonexistent")
    func directory(_ kind: String, _ xdg: String, _ standard: String) -> String {
      if let directory = text("ARCHIVIST_\(kind)_DIR", "BORG_\(kind)_DIR") { return directory }
      if base == nil, let base = environment.text(xdg), !HomeDirectory.isAnothers(base) {
        return "\(base)/archivist"
      }
      return "\(home)/\(standard)/archivist"
    }
    let settings = directory("CONFIG", "XDG_CONFIG_HOME", ".config")
    cache = directory("CACHE", "XDG_CACHE_HOME", ".cache")
    let isBorg = style == .borg
    config = isBorg ? environment.text("BORG_SECURITY_DIR") ?? settings : settings
    keys = isBorg ? environment.text("BORG_KEYS_DIR") ?? "\(settings)/keys" : "\(settings)/keys"
    onlyKeyFile = isBorg ? environment.text("BORG_KEY_FILE") : nil
  }

  /// Marks the cache as one, as <https://bford.info/cachedir/> has it, so that backups may leave it out.
  ///
  /// A directory in which there is anything else than a cache is not marked: it would be left out as well.
  ///
  /// - Throws: `SystemError`.
  func tagCache() throws(SystemError) {
    let tag = Array("\(cache)/CACHEDIR.TAG".utf8)
    guard !PrivateFile.isThere(tag) else { return }
    try PrivateFile.makeDirectories(above: tag)
    let listing = DirectoryListing(of: try DirectoryHandle(path: Array(cache.utf8)))
    let isCache = (0..<listing.count).allSatisfy { index in
      let name = String(decoding: listing.name(index), as: UTF8.self)
      return ["uploads", "restored", "restored.new", "CACHEDIR.TAG.new"].contains(name)
        || name.utf8.count == 2 * Digest256.size && name.allSatisfy(\.isHexDigit)
    }
    guard listing.failure == nil, isCache else { return }
    try PrivateFile.write(
      Array(
        """
        Signature: 8a477f597d28d172789f06886806bc55
        # This directory holds archivist's cache: see https://bford.info/cachedir/

        """.utf8), to: tag)
  }

  /// Where the key slot of a repository is, if the client keeps it.
  func keyFile(_ id: RepositoryID) -> String { onlyKeyFile ?? "\(keys)/\(id.hex)" }
}

extension Environment {
  /// A variable that is set and not empty, as text.
  func text(_ names: String...) -> String? {
    first(of: names).flatMap(value).map { String(decoding: $0, as: UTF8.self) }
  }
}
