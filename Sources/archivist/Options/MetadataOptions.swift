import ArgumentParser

/// The metadata that are recorded of files besides their contents.
struct MetadataOptions: ParsableArguments {
  @Flag(help: "Record numeric owners only.")
  var numericIds = false

  @Flag(help: "Record access times.")
  var atime = false

  @Flag(help: "Do not record birth times.")
  var nobirthtime = false

  @Flag(
    help: "Do not record ctimes; --files-cache then has to compare mtime, or all is read again.")
  var noctime = false

  @Flag(help: "Do not record inode flags, such as immutable.")
  var noflags = false

  @Flag(help: "Do not record extended attributes other than ACLs.")
  var noxattrs = false

  @Flag(help: "Do not record ACLs.")
  var noacls = false

  /// Sets which metadata a run records.
  func apply(to options: inout BackupRun.Options) {
    options.numericIDs = numericIds
    options.recordsAccessTime = atime
    options.recordsBirthTime = !nobirthtime
    options.recordsChangeTime = !noctime
    options.recordsFlags = !noflags
    options.recordsExtendedAttributes = !noxattrs
    options.recordsACLs = !noacls
    options.walk.readsExtendedAttributes = !noxattrs || !noacls
  }
}
