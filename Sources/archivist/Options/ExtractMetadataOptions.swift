import ArgumentParser

/// The parts of an item that are restored, and how.
struct ExtractMetadataOptions: ParsableArguments {
  @Flag(help: "Restore owners by number, not by name.")
  var numericIds = false

  @Flag(help: "Do not restore extended attributes.")
  var noxattrs = false

  @Flag(help: "Do not restore ACLs.")
  var noacls = false

  @Flag(help: "Do not restore inode flags, such as immutable.")
  var noflags = false

  @Flag(
    name: .customLong("continue"),
    help: """
      Go on with an interrupted restore: keep files of the right size and time unread, if they are \
      known to be on the disk.
      """)
  var continues = false

  @Flag(
    inversion: .prefixedNo,
    help: "Restore holes as holes; with --no-sparse they take up space as zeros do.")
  var sparse = true

  @Flag(help: "Restore files of which something is lost, with zeros in its place.")
  var lostAsZeros = false

  /// The options as the restore takes them.
  var restoreOptions: RestoreOptions {
    var options = RestoreOptions()
    options.findsOwnersByName = !numericIds
    options.keepsHoles = sparse
    options.restoresExtendedAttributes = !noxattrs
    options.restoresACLs = !noacls
    options.restoresFlags = !noflags
    return options
  }
}
