import ChunkStore
import Crypto

/// Makes a repository, and an archive of values in memory; reads them back.
@main struct FirstArchive {
  static func main() throws {
    guard CommandLine.arguments.count == 2 else {
      print("usage: FirstArchive DIRECTORY")
      return
    }
    let directory = CommandLine.arguments[1]
    let passphrase = Secret(copying: Array("correct horse battery staple".utf8).span)

    let repository = try Repository.create(
      in: LocalStorage.create(path: "\(directory)/repo"), suite: .aes256GCM,
      passphrase: passphrase, cacheDirectory: "\(directory)/cache")
    let builder = try ArchiveBuilder(repository)
    try builder.add(Array("Hello".utf8), at: ArchivePath(Array("greetings/hello.txt".utf8)))
    try builder.add(Array("Goodbye".utf8), at: ArchivePath(Array("greetings/later.txt".utf8)))
    try builder.finish(as: "first")

    let reader = try ContentReader(repository)
    for archive in try repository.archives() {
      var items = try repository.items(of: archive)
      while let item = try items.next() {
        guard let content = item.content else { continue }
        var bytes: [UInt8] = []
        var chunks = try repository.chunks(of: content)
        while let chunk = try chunks.next() { bytes += try reader.read(chunk) }
        print("\(archive.name): \(item.path): \(String(decoding: bytes, as: UTF8.self))")
      }
    }
    // A name of the other module, to which nothing of this package is in the way.
    print("also linked: \(Crypto.SHA256.name)")
  }
}
