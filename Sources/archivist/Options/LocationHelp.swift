import ArgumentParser

/// The descriptions of the first argument of most commands.
extension ArgumentHelp {
  /// A repository.
  static let repository = ArgumentHelp(
    "The repository's directory; if left out, ARCHIVIST_REPO.", valueName: "repository")

  /// An archive in a repository.
  static let archive = ArgumentHelp(
    "The repository's directory, and an archive in it: its name, id:…, or a time as @10d.",
    valueName: "repository::archive")

  /// A repository, or an archive in one.
  static let repositoryOrArchive = ArgumentHelp(
    "The repository's directory, and perhaps an archive in it: its name, id:…, or a time as @10d.",
    valueName: "repository[::archive]")
}
