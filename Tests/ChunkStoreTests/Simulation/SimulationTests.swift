import Glibc
import Testing

@testable import ChunkStore

/// The protocol's real code, in orders that nobody would think of.
@Suite struct SimulationTests {
  /// `ARCHIVIST_TEST_ROUNDS=N` makes it N times as many; `ARCHIVIST_TEST_SEED` begins elsewhere,
  /// and a failing seed alone is run again with `ARCHIVIST_SIMULATION_SEED`.
  @Test(arguments: [false, true])
  func `whatever happens at once, every archive that was reported is whole`(
    hasForger: Bool
  ) throws {
    var total = SimulationFigures()
    var count = 0
    let only = unsafe getenv("ARCHIVIST_SIMULATION_SEED").flatMap {
      UInt64(unsafe String(cString: $0))
    }
    let seeds = only.map { [$0] } ?? Seed.each(UInt64(1000 * Rounds.factor)).map(\.value)
    for seed in seeds {
      let world = try SimulatedWorld(seed: seed, hasForger: hasForger)
      do {
        let figures = try world.run(operations: Self.operations(seed))
        total.steps += figures.steps
        total.reported += figures.reported
        total.crashes += figures.crashes
        total.sleeps += figures.sleeps
        total.compactions += figures.compactions
        total.refusals += figures.refusals
        total.forgeries += figures.forgeries
        total.misled += figures.misled
        count += 1
      } catch {
        Issue.record("ARCHIVIST_SIMULATION_SEED=\(seed), forger: \(hasForger): \(error)")
        if only != nil { for line in world.trace { print(line) } }
        return
      }
    }
    let name = hasForger ? "simulation with a forger" : "simulation"
    print(
      "\(name): \(count) interleavings, \(total.steps) steps, \(total.reported) archives, "
        + "\(total.compactions) compactions, \(total.crashes) crashes, \(total.sleeps) sleeps, \(total.refusals) refusals"
        + (hasForger ? ", \(total.forgeries) forgeries, \(total.misled) misled" : ""))
    #expect(total.reported > 0)
    #expect(total.compactions > 0)
    if hasForger {
      #expect(total.forgeries > 0)
    } else {
      #expect(total.refusals < 2 + total.compactions / 100)
    }
  }

  /// 30,950: a compaction slept, and what it was about to copy was not needed, and gone.
  @Test(arguments: [UInt64(30_950)])
  func `what was found once is not found again`(seed: UInt64) throws {
    let figures = try SimulatedWorld(seed: seed).run(operations: Self.operations(seed))
    #expect(figures.reported > 0)
  }

  /// Many short ones find more than a few long ones; there are some long ones all the same.
  private static func operations(_ seed: UInt64) -> Int { seed % 50 == 0 ? 14 : 2 + Int(seed % 4) }

  @Test func `a seed gives the same order again`() throws {
    for seed in Seed.each(5) {
      let worlds = try (0..<2).map { _ in try SimulatedWorld(seed: seed.value) }
      let figures = try worlds.map { try $0.run(operations: 14) }
      let place = zip(worlds[0].trace, worlds[1].trace).prefix { $0 == $1 }.count
      #expect(
        figures[0] == figures[1],
        """
        seed \(seed.value), step \(place): \(worlds.map { $0.trace.dropFirst(place).prefix(3) })
        after \(worlds[0].trace.prefix(place).suffix(12))
        """)
      #expect(worlds[0].trace == worlds[1].trace)
    }
  }
}
