import ChunkStore
import Crypto
import Glibc

/// Where this client keeps what it may lose (the cache), and what it must not (the configuration).
///
/// `ARCHIVIST_CACHE_DIR` and `ARCHIVIST_CONFIG_DIR` name the folders themselves; else they are in
/// `ARCHIVIST_BASE_DIR`, or where the XDG Base Directory Specification puts them.
///
/// `HOME` and the XDG variables count only where they lead to folders of this user's: after `sudo` they
/// may be another's, who could not use what root leaves there, and could change what root relies on.
struct Folders: Sendable {
  /// Disposable: deleting it costs time.
  let cache: String
  /// Key files, and what this client remembers of repositories.
  let config: String

  init(_ environment: Environment) {
    // Without a home, what Debian gives as one: it is never there.
    let home =
      environment.text("ARCHIVIST_BASE_DIR") ?? HomeFolder.own(environment.text("HOME"))
      ?? (geteuid() == 0 ? "/root" : "/nonexistent")
    func folder(_ own: String, _ xdg: String, _ standard: String) -> String {
      if let folder = environment.text(own) { return folder }
      if environment.text("ARCHIVIST_BASE_DIR") == nil, let base = environment.text(xdg),
        !HomeFolder.isAnothers(base)
      {
        return "\(base)/archivist"
      }
      return "\(home)/\(standard)/archivist"
    }
    cache = folder("ARCHIVIST_CACHE_DIR", "XDG_CACHE_HOME", ".cache")
    config = folder("ARCHIVIST_CONFIG_DIR", "XDG_CONFIG_HOME", ".config")
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
