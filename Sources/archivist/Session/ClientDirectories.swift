import ChunkStore
import Crypto
import Glibc

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
  /// Key files, and what this client remembers of repositories.
  let config: String

  init(_ environment: Environment) {
    // Without a home, what Debian gives as one: it is never there.
    let home =
      environment.text("ARCHIVIST_BASE_DIR") ?? HomeDirectory.own(environment.text("HOME"))
      ?? (geteuid() == 0 ? "/root" : "/nonexistent")
    func directory(_ own: String, _ xdg: String, _ standard: String) -> String {
      if let directory = environment.text(own) { return directory }
      if environment.text("ARCHIVIST_BASE_DIR") == nil, let base = environment.text(xdg),
        !HomeDirectory.isAnothers(base)
      {
        return "\(base)/archivist"
      }
      return "\(home)/\(standard)/archivist"
    }
    cache = directory("ARCHIVIST_CACHE_DIR", "XDG_CACHE_HOME", ".cache")
    config = directory("ARCHIVIST_CONFIG_DIR", "XDG_CONFIG_HOME", ".config")
  }

  /// Where the key slot of a repository is, if the client keeps it.
  func keyFile(_ id: RepositoryID) -> String { "\(config)/keys/\(id.hex)" }
}

extension Environment {
  /// A variable that is set and not empty, as text.
  func text(_ names: String...) -> String? {
    for name in names {
      if let bytes = value(name), !bytes.isEmpty { return String(decoding: bytes, as: UTF8.self) }
    }
    return nil
  }
}
