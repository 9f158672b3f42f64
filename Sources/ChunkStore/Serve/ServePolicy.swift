import ObjectStorage
package import StoreEncoding

/// The permissions of a server's client: the restrictions of a forced command.
package struct ServePolicy: Equatable, Sendable {
  /// Repositories have to be in one of these directories; no restriction if there are none.
  package var paths: [String]
  /// Or be one of these.
  package var repositories: [String]
  /// Nothing is removed or replaced.
  package var isAppendOnly: Bool
  /// Nothing is changed.
  package var isReadOnly: Bool
  /// How many bytes may be taken by all that is in the permitted directories and repositories; in the
  /// one that is opened, if there are no restrictions.
  package var quota: Int?
  /// The permissions of the directories of new repositories, if they are not their owner's alone.
  package var mode: UInt32?

  /// A policy; without arguments one that permits everything.
  package init(
    paths: [String] = [], repositories: [String] = [], isAppendOnly: Bool = false,
    isReadOnly: Bool = false, quota: Int? = nil, mode: UInt32? = nil
  ) {
    self.mode = mode
    self.paths = paths
    self.repositories = repositories
    self.isAppendOnly = isAppendOnly
    self.isReadOnly = isReadOnly
    self.quota = quota
  }

  /// Whether it says anything about where repositories are.
  var restrictsPaths: Bool { !paths.isEmpty || !repositories.isEmpty }

  /// Whether there may be a repository at a canonical path.
  func permits(repository path: String) throws(StorageError) -> Bool {
    guard restrictsPaths else { return true }
    for directory in paths where CanonicalPath.contains(try CanonicalPath.of(directory), path) {
      return true
    }
    for repository in repositories where try CanonicalPath.of(repository) == path { return true }
    return false
  }

  /// Why an object may not be put; `nil` if it may.
  package func refusal(toPut name: ObjectName) -> String? {
    if isReadOnly { return "the server permits reading only" }
    guard isAppendOnly else { return nil }
    switch name {
    // None of these makes anybody delete anything.
    case .object(.segment, _), .object(.index, _), .object(.archive, _), .object(.lease, _):
      return nil
    case .config, .object:
      return "the server permits adding archives only"
    }
  }

  /// Why nothing may be removed; `nil` if it may.
  var refusalToRemove: String? {
    isReadOnly
      ? "the server permits reading only"
      : isAppendOnly ? "the server permits adding archives only" : nil
  }
}
