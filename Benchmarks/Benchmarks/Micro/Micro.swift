import Benchmark
import StoreCrypto

@testable import ChunkStore
@testable import LinuxSystem
@testable import ObjectStorage
@testable import StoreEncoding
@testable import StoreFormat

/// The parts of a backup, one by one; one that throws ends the run, and says why.
let benchmarks: @Sendable () -> Void = {
  Benchmark.defaultConfiguration = .init(
    metrics: [.wallClock, .cpuTotal, .throughput, .peakMemoryResident],
    maxDuration: .seconds(2), maxIterations: 1000)

  let data = Samples.data(8 << 20)
  let small = Array(data[..<2000])

  for text in [ChunkerParameters.default.description, "buzhash,19,23,21,4095"] {
    Benchmark("chunker \(text), 8 MiB") { benchmark in
      let keys = try Samples.keys()
      let parameters = try ChunkerParameters(parsing: text)
      for _ in benchmark.scaledIterations {
        var chunker = try Chunker(parameters: parameters, keys: keys.chunker)
        var rest = data.span
        while let length = try chunker.cut(rest, isLast: true) {
          blackHole(length)
          rest = rest.extracting(droppingFirst: length)
        }
      }
    }
  }

  for (name, bytes, scale) in [
    ("8 MiB", data, BenchmarkScalingFactor.one), ("2000 bytes", small, .kilo),
  ] {
    Benchmark(
      "chunk id, \(name)", configuration: .init(scalingFactor: scale)
    ) { benchmark in
      var hash = try Samples.keys().idHash(.content)
      for _ in benchmark.scaledIterations { blackHole(try hash.digest(bytes.span)) }
    }
  }

  for text in ["lz4", "zstd,3"] {
    let block = Array(data[..<(512 << 10)])
    Benchmark("compress, \(text), 512 KiB") { benchmark in
      let compression = try Compression(parsing: text)
      var compressor = try Compressor()
      benchmark.startMeasurement()
      for _ in benchmark.scaledIterations {
        blackHole(try compressor.pack(block, with: compression))
      }
    }
    Benchmark("decompress, \(text), 512 KiB") { benchmark in
      var compressor = try Compressor()
      let packed = try compressor.pack(block, with: try Compression(parsing: text))
      benchmark.startMeasurement()
      for _ in benchmark.scaledIterations {
        blackHole(try compressor.unpack(packed, limit: Limits.chunkSize))
      }
    }
  }

  Benchmark("seal and open a block, 512 KiB") { benchmark in
    let keys = try Samples.keys()
    let sealer = try BlockSealer(.contentSegment, first: small.span, keys: keys)
    let block = Array(data[..<(512 << 10)])
    benchmark.startMeasurement()
    for _ in benchmark.scaledIterations {
      let (sealed, number) = try sealer.seal(block)
      var context = try keys.context(sealer.header, role: .content)
      blackHole(try context.opened(sealed.span, part: SealedPart.block, number: number))
    }
  }

  Benchmark(
    "items, encode", configuration: .init(scalingFactor: .kilo)
  ) { benchmark in
    let items = try Samples.items(1000)
    benchmark.startMeasurement()
    for number in benchmark.scaledIterations { blackHole(ItemCoding.encode(items[number % 1000])) }
  }

  Benchmark("items, decode", configuration: .init(scalingFactor: .kilo)) { benchmark in
    let items = try Samples.items(1000)
    let encoded = items.map { ItemCoding.encode($0) }
    benchmark.startMeasurement()
    for number in benchmark.scaledIterations {
      blackHole(
        try ItemCoding.decode(
          ByteReader(encoded[number % 1000]), path: items[number % 1000].path))
    }
  }

  Benchmark("tree nodes, write 10,000 items") { benchmark in
    let items = try Samples.items(10_000)
    let keys = try Samples.keys()
    benchmark.startMeasurement()
    for _ in benchmark.scaledIterations {
      let nodes = try Samples.Nodes(keys)
      var writer = try ItemTreeWriter(keys: keys, store: nodes)
      for item in items { try writer.add(item) }
      blackHole(try writer.finish())
    }
  }

  Benchmark("tree nodes, read 10,000 items") { benchmark in
    let keys = try Samples.keys()
    let nodes = try Samples.Nodes(keys)
    var writer = try ItemTreeWriter(keys: keys, store: nodes)
    for item in try Samples.items(10_000) { try writer.add(item) }
    let root = try writer.finish()
    benchmark.startMeasurement()
    for _ in benchmark.scaledIterations {
      var cursor = try ItemCursor(root, source: nodes)
      while let item = try cursor.next() { blackHole(item) }
    }
  }

  for count in [10_000, 1_000_000] {
    Benchmark(
      "index, look up one of \(count) chunks", configuration: .init(scalingFactor: .kilo)
    ) { benchmark in
      let run = try Samples.run(count)
      benchmark.startMeasurement()
      for number in benchmark.scaledIterations {
        blackHole(run.places(of: Samples.id(number &* 7919 % (2 * count))))
      }
    }
  }

  Benchmark("index, build a run of 100,000 chunks") { benchmark in
    for _ in benchmark.scaledIterations { blackHole(try Samples.run(100_000)) }
  }
}
