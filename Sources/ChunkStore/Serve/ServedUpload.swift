import ObjectStorage
import StoreCrypto
import StoreEncoding

/// An upload of a client: hashed as it arrives.
///
/// Confined to one thread at a time: the one that hears the client, then the one that commits.
final class ServedUpload: @unchecked Sendable {
  private let repository: ServedRepository
  private let upload: any Upload
  private var hash: SHA256
  private var size = 0
  /// The beginning, which says what it is.
  private var prefix: [UInt8] = []

  init(_ repository: ServedRepository, _ upload: any Upload) throws(StorageError) {
    let hash: SHA256
    do throws(CryptoError) { hash = try SHA256() } catch {
      throw .damaged("upload", "\(error)")
    }
    self.repository = repository
    self.upload = upload
    self.hash = hash
  }

  /// Appends bytes.
  package func write(_ bytes: [UInt8]) throws(StorageError) {
    guard size + bytes.count <= Limits.segmentSize else {
      throw .refused("an upload that is larger than any object")
    }
    try repository.take(bytes.count)
    size += bytes.count
    prefix += bytes.prefix(ObjectForm.prefixSize - prefix.count)
    do throws(CryptoError) { try hash.update(bytes.span) } catch {
      throw .damaged("upload", "\(error)")
    }
    try upload.write(bytes)
  }

  /// Publishes it, if it may be what the name stands for.
  package func commit(as name: ObjectName) throws(StorageError) {
    defer { upload.abort() }
    let digest: Digest256
    do throws(CryptoError) { digest = try hash.finalize() } catch {
      throw .damaged("upload", "\(error)")
    }
    try repository.commit(upload, as: name, digest: digest, prefix: prefix, size: size)
  }

  package func abort() { upload.abort() }
}
