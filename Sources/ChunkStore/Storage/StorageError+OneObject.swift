internal import Glibc

extension StorageError {
  /// Whether the error is about one object, while others can still be had.
  ///
  /// Every other error means that the storage is out of reach, or this process at its limits.
  public var isOfOneObject: Bool {
    switch self {
    case .damaged: true
    case .system(_, _, let code): Self.codesOfOneObject.contains(code)
    default: false
    }
  }

  /// The numbers of Linux, which the protocol of `archivist serve` has as well.
  private static let codesOfOneObject: Set<Int32> = [
    // A bad sector, or a checksum of the file system or the disk that does not match.
    EIO, EBADMSG, EUCLEAN, EILSEQ, ENODATA, EREMOTEIO,
    // Another user's file, or one whose key is not there.
    EACCES, EPERM, ENOKEY,
    // Something else than a file, or nothing behind the name that a server has for it.
    EISDIR, ELOOP, ENAMETOOLONG, EOVERFLOW, ESTALE,
  ]
}
