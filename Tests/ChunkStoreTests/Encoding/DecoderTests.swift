import LinuxSystem
import StoreCrypto
import Testing

@testable import ChunkStore

/// The properties of every decoder, whatever it decodes.
@Suite struct DecoderTests {
  @Test(arguments: Structure.allCases, Seed.each(20))
  func `what was encoded is decoded, and encoded the same`(
    structure: Structure, seed: Seed
  ) throws {
    var random = seed.generator
    let bytes = try structure.sample(&random)
    #expect(try structure.roundTrip(bytes) == bytes)
  }

  @Test(arguments: Structure.allCases, Seed.each(6))
  func `what is cut short is refused`(structure: Structure, seed: Seed) throws {
    var random = seed.generator
    let bytes = try structure.sample(&random)
    // Fields end with their bytes: without its last fields a structure may be a valid one.
    var fieldEnds: Set<Int> = []
    if structure.isFields {
      fieldEnds.insert(0)
      var reader = ByteReader(bytes)
      while !reader.isAtEnd {
        _ = try reader.varint()
        _ = try reader.blob("value", limit: bytes.count)
        fieldEnds.insert(bytes.count - reader.remaining)
      }
    }
    for length in 0..<bytes.count where !fieldEnds.contains(length) {
      #expect(throws: (any Error).self, "cut to \(length) of \(bytes.count) bytes") {
        try structure.roundTrip(Array(bytes[..<length]))
      }
    }
    // At the end of a field no more is promised than an answer.
    for length in fieldEnds { _ = try? structure.roundTrip(Array(bytes[..<length])) }
  }

  @Test(arguments: Structure.allCases.filter(\.saysItsEnd), Seed.each(6))
  func `what goes on behind its end is refused`(structure: Structure, seed: Seed) throws {
    var random = seed.generator
    let bytes = try structure.sample(&random)
    #expect(throws: (any Error).self) { try structure.roundTrip(bytes + [0]) }
    #expect(throws: (any Error).self) { try structure.roundTrip(bytes + bytes) }
  }

  @Test(arguments: Structure.allCases.filter(\.isFields))
  func `what was left out by a newer version is found by the number of its field`(
    structure: Structure
  ) throws {
    var random = PseudoRandomBytes(seed: 3)
    let bytes = try structure.sample(&random)
    var odd = ByteWriter()
    odd.field(1_000_001) { $0.raw([1, 2, 3]) }
    #expect(try structure.roundTrip(bytes + odd.bytes) == bytes)
    var even = ByteWriter()
    even.field(1_000_000) { $0.raw([1, 2, 3]) }
    #expect(throws: FormatError.unknownCriticalField(1_000_000)) {
      try structure.roundTrip(bytes + even.bytes)
    }
    var twice = ByteWriter()
    twice.field(1_000_001) { $0.raw([]) }
    #expect(throws: FormatError.fieldOrder) {
      try structure.roundTrip(bytes + twice.bytes + twice.bytes)
    }
  }

  /// Accidents end in an error or in a value that is encoded and decoded like any other; a trap
  /// would end the whole run of tests.
  @Test(arguments: Structure.allCases, Seed.each(4))
  func `accidents end in an error or in a sound value`(structure: Structure, seed: Seed) throws {
    var random = seed.generator
    let started = SystemClock.monotonicSeconds
    for _ in 0..<400 {
      let damaged = try structure.signedAnew(random.mutate(try structure.sample(&random)))
      guard let once = try? structure.roundTrip(damaged) else { continue }
      #expect(try structure.roundTrip(once) == once)
    }
    #expect(SystemClock.monotonicSeconds - started < 10)
  }

  @Test(arguments: Structure.allCases, Seed.each(2))
  func `noise ends in an error or in a sound value`(structure: Structure, seed: Seed) throws {
    var random = seed.generator
    for _ in 0..<2000 {
      let noise = random.bytes(random.int(0...200))
      guard let once = try? structure.roundTrip(noise) else { continue }
      #expect(try structure.roundTrip(once) == once)
    }
  }
}
