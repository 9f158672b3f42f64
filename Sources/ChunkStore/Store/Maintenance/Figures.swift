import StoreCrypto
import StoreEncoding
import StoreFormat

/// How large an archive is.
public struct ArchiveFigures: Sendable {
  /// Regular files.
  public var files: UInt64 = 0
  /// Bytes of all contents.
  public var originalSize: UInt64 = 0
  /// Bytes of all contents compressed, each time they are referred to.
  public var compressedSize: UInt64 = 0
  /// Bytes that only this archive needs.
  public var deduplicatedSize: UInt64 = 0
}

/// How large a repository is.
public struct RepositoryTotals: Sendable {
  /// Bytes of the contents of all archives.
  public var originalSize: UInt64 = 0
  /// The original size, compressed.
  public var compressedSize: UInt64 = 0
  /// Chunks of all archives, each time they are referred to.
  public var chunks: UInt64 = 0
  /// Chunks of contents that are stored.
  public var uniqueChunks: UInt64 = 0
  /// Their bytes.
  public var uniqueSize: UInt64 = 0
  /// The unique size, compressed.
  public var uniqueCompressedSize: UInt64 = 0
  /// Bytes of what no archive refers to: unfinished backups have stored it, or archives that were
  /// deleted.
  public var unusedSize: UInt64 = 0
  /// Bytes of all segments.
  public var segmentSize: UInt64 = 0
  /// Segments.
  public var segments: UInt64 = 0
}

extension Repository {
  /// Adds up what an archive refers to.
  ///
  /// - Parameters:
  ///   - archive: The archive.
  ///   - problem: Told of archives, and of nodes of their trees, that cannot be had: the figures
  ///     are without them.
  /// - Returns: Its figures, as of now: what only this archive needs depends on the others.
  /// - Throws: Errors of the storage.
  public func figures(
    of archive: Archive, problem: (any Error) -> Void
  ) throws -> ArchiveFigures {
    try figures(ofAll: [archive], problem: problem)
  }

  /// Adds up what archives refer to, each of them by itself, and what only they refer to together.
  ///
  /// - Parameters:
  ///   - archives: The archives.
  ///   - problem: Told of archives, and of nodes of their trees, that cannot be had: the figures
  ///     are without them.
  /// - Returns: Their figures, as of now.
  /// - Throws: Errors of the storage.
  public func figures(
    ofAll archives: [Archive], problem: (any Error) -> Void
  ) throws -> ArchiveFigures {
    var figures = ArchiveFigures()
    var sums = try SubtreeSums(self)
    for archive in archives {
      figures.files += archive.manifest.statistics.files
      figures.originalSize += archive.manifest.statistics.originalSize
      figures.compressedSize += try sums.sum(archive.manifest.tree, problem).compressedSize
    }
    // First everything that the others refer to; what is new after that is only theirs.
    let own = Set(archives.map(\.id))
    let marker = try Marker(self)
    for other in try self.archives(whatever: problem) where !own.contains(other.id) {
      try marker.mark(other.manifest.tree) { _ in }
    }
    let before = marker.marks.contentSize()
    for archive in archives { try marker.mark(archive.manifest.tree) { _ in } }
    figures.deduplicatedSize = marker.marks.contentSize() - before
    return figures
  }

  /// The archives that can be had, under whatever names.
  private func archives(whatever problem: (any Error) -> Void) throws -> [Archive] {
    try archives { name, error in
      if case .object(.label, _) = name { return }
      problem(Corruption(object: name, cause: error))
    }
  }

  /// Adds up what is in the repository.
  ///
  /// - Parameter problem: Told of archives, and of nodes of their trees, that cannot be had: the
  ///   totals are without them.
  /// - Returns: The totals of all archives and all segments.
  /// - Throws: Errors of the storage.
  public func totals(problem: (any Error) -> Void) throws -> RepositoryTotals {
    var totals = RepositoryTotals()
    for segment in try storage.list(.segment) {
      totals.segments += 1
      totals.segmentSize += UInt64(segment.size)
    }
    for run in index.runs {
      for row in 0..<run.index.blockCount {
        guard let block = run.index.block(row), block.segment < run.index.segmentCount,
          run.standing(block.segment) != .absent, run.index.type(ofBlock: row) == .contentSegment
        else { continue }
        totals.uniqueChunks += UInt64(block.chunkCount)
        totals.uniqueSize += UInt64(block.rawLength)
        totals.uniqueCompressedSize += UInt64(block.sealedLength)
      }
    }
    var sums = try SubtreeSums(self)
    for archive in try archives(whatever: problem) where archive.manifest.kind == .archive {
      let sum = try sums.sum(archive.manifest.tree, problem)
      totals.originalSize += archive.manifest.statistics.originalSize
      totals.compressedSize += sum.compressedSize
      totals.chunks += sum.chunks
    }
    for usage in sums.marks.usage().values { totals.unusedSize += UInt64(usage.unusedSize) }
    return totals
  }

  /// Bytes that a chunk takes up, compressed and sealed: its share of the block that it is in.
  ///
  /// 0 if the chunk is not there.
  public func storedSize(of chunk: ChunkReference) -> UInt64 { storedSize(of: chunk.id) }

  /// A chunk's share of the sealed block that it is in.
  fileprivate func storedSize(of id: ChunkID) -> UInt64 {
    index.locations(of: id).first?.share ?? 0
  }
}

extension ChunkLocation {
  /// The chunk's share of its sealed block, in bytes.
  var share: UInt64 { UInt64(sealedLength) * UInt64(length) / UInt64(max(1, rawLength)) }
}

/// Adds up trees, each node once: archives have most of theirs in common.
private struct SubtreeSums {
  struct Sum {
    var chunks: UInt64 = 0
    var compressedSize: UInt64 = 0

    static func += (a: inout Sum, b: Sum) {
      a.chunks += b.chunks
      a.compressedSize += b.compressedSize
    }
  }

  private let repository: Repository
  private let nodes: TreeReader
  private var known: [ChunkID: Sum] = [:]
  /// Everything that was met.
  let marks: Marks

  init(_ repository: Repository) throws {
    self.repository = repository
    nodes = try TreeReader(repository)
    marks = Marks(repository.index)
  }

  mutating func sum(_ root: ItemTreeRoot?, _ problem: (any Error) -> Void) throws -> Sum {
    guard let root else { return Sum() }
    return try sum(root.id, below: Limits.treeDepth, problem)
  }

  private mutating func sum(
    _ id: ChunkID, below level: Int, _ problem: (any Error) -> Void
  ) throws -> Sum {
    if let sum = known[id] { return sum }
    var sum = Sum()
    _ = marks.mark(id)
    let node: TreeNode
    do {
      node = try nodes.node(id)
    } catch let error as RepositoryError {
      problem(error)
      known[id] = sum
      return sum
    }
    switch node {
    case .items(let items):
      for item in items {
        switch item.content?.chunks {
        case nil: break
        case .inline(let references): add(references, to: &sum)
        case .tree(let root, _, _): sum += try self.sum(root, below: Limits.treeDepth, problem)
        }
      }
    case .itemNodes(let children, let own):
      guard own < level else {
        problem(nodes.damage(id, .inconsistent("a node at the wrong level")))
        break
      }
      for child in children { sum += try self.sum(child.id, below: own, problem) }
    case .chunks(let references): add(references, to: &sum)
    case .chunkNodes(let children, let own):
      guard own < level else {
        problem(nodes.damage(id, .inconsistent("a node at the wrong level")))
        break
      }
      for child in children { sum += try self.sum(child.id, below: own, problem) }
    }
    known[id] = sum
    return sum
  }

  private func add(_ references: some Sequence<ChunkReference>, to sum: inout Sum) {
    for chunk in references {
      sum.chunks += 1
      _ = marks.mark(chunk.id)
      sum.compressedSize += repository.storedSize(of: chunk.id)
    }
  }
}
