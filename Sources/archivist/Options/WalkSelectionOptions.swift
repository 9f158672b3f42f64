import ArgumentParser

/// The reasons besides its path for which `create` leaves out a file.
struct WalkSelectionOptions: ParsableArguments {
  @Flag(name: [.long, .customShort("x")], help: "Stay on the file system of each path.")
  var oneFileSystem = false

  @Flag(help: "Leave out directories with a CACHEDIR.TAG.")
  var excludeCaches = false

  @Option(parsing: .singleValue, help: "Leave out directories that hold a file of this name.")
  var excludeIfPresent: [BytesArgument] = []

  @Flag(help: "Archive the tag files of directories that are left out.")
  var keepExcludeTags = false

  @Flag(help: "Leave out files with the nodump flag.")
  var excludeNodump = false

  /// Makes a walk leave out what these options say.
  func apply(to options: inout WalkOptions) {
    options.staysOnOneFileSystem = oneFileSystem
    options.excludesNoDump = excludeNodump
    options.tags.caches = excludeCaches
    options.tags.names = excludeIfPresent.map(\.bytes)
    options.tags.keepsTags = keepExcludeTags
  }
}
