import LinuxSystem
import StoreFormat
import Synchronization

/// Copies an archive as a backup does it: contents are read, verified, cut and stored anew.
///
/// The items' metadata stay what they are.
/// A file that has the same chunks in an archive that was copied before is not read: its content is
/// taken over from the copy.
struct ContentTransfer {
  private let source: Repository
  private let destination: Repository
  private let options: ArchiveBuilder.Options
  private let meter: Meter
  private let interruption: Event

  init(
    from source: Repository, to destination: Repository, options: ArchiveBuilder.Options,
    meter: Meter, interruption: Event
  ) {
    self.source = source
    self.destination = destination
    self.options = options
    self.meter = meter
    self.interruption = interruption
  }

  /// Copies an archive.
  ///
  /// - Parameters:
  ///   - archive: What is copied.
  ///   - wanted: What is to be recorded, apart from what the builder knows.
  ///   - previous: An archive of the source, and its copy.
  /// - Returns: The copy.
  /// - Throws: `CopyError.unreadable` if something cannot be read; then there is no copy.
  func run(
    _ archive: Archive, as wanted: ArchiveManifest, after previous: (Archive, copy: Archive)?
  ) throws -> Archive {
    meter.begin(
      .copyingArchives, total: archive.manifest.statistics.originalSize, unit: .bytes)
    let failures = FailedItems()
    let readers = ReaderPool(source)
    let builder = try ArchiveBuilder(destination, options: options) { outcome, _ in
      failures.note(outcome)
    }
    do {
      var known = try previous.map {
        try CopiedContents($0.0, in: source, copy: $0.copy, in: destination)
      }
      var items = try CopyError.locate(.root) { try source.items(of: archive) }
      while let item = try CopyError.locate(.root, { try items.next() }) {
        if interruption.isSet { throw RepositoryError.interrupted }
        try failures.check()
        guard let content = item.content else {
          try builder.add(item)
          continue
        }
        if let copied = try known?.content(of: item) {
          var item = item
          item.content = copied
          try builder.add(item)
          meter.advance(by: content.size)
        } else {
          // Long lists are announced by whoever reads them.
          if case .inline(let chunks) = content.chunks {
            for chunk in chunks { source.announce(chunk) }
          }
          try builder.add(
            item,
            content: StoredContent(
              item: item, content: content, readers: readers, meter: meter,
              interruption: interruption))
        }
      }
      return try builder.finish { manifest in
        try failures.check()
        if interruption.isSet { throw RepositoryError.interrupted }
        let made = manifest
        manifest = wanted
        manifest.chunker = made.chunker
        manifest.compression = made.compression
        manifest.tree = made.tree
        manifest.statistics = made.statistics
      }
    } catch {
      builder.cancel()
      if !interruption.isSet { try failures.check() }
      throw error
    }
  }
}

extension FailedItems {
  /// Nothing is copied if one of the items cannot be read.
  fileprivate func check() throws(CopyError) {
    if let (path, error) = first { throw .unreadable(path, error) }
  }
}

/// Contents that were copied with the archive before: a merge of that archive's items, their
/// copies, and those that are asked for, all in path order.
private struct CopiedContents {
  private let destination: Repository
  private var items: ItemCursor
  private var copies: ItemCursor

  init(
    _ archive: Archive, in source: Repository, copy: Archive, in destination: Repository
  ) throws {
    self.destination = destination
    items = try source.items(of: archive)
    copies = try destination.items(of: copy)
  }

  /// Returns the content that the copy has for an item; `nil` if it has to be read.
  mutating func content(of item: Item) throws -> Item.Content? {
    do {
      try items.skip(to: item.path)
      guard let known = try items.next(), known.path == item.path,
        known.content == item.content
      else { return nil }
      try copies.skip(to: item.path)
      guard let copied = try copies.next(), copied.path == item.path,
        let content = copied.content, content.size == item.content?.size,
        try destination.isUsable(content)
      else { return nil }
      return content
    } catch let error where CopyError.isDamage(error) {
      return nil  // What is asked for is read.
    }
  }
}
