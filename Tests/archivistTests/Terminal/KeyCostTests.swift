import StoreCrypto
import Testing

@testable import archivist

@Suite struct `What a guess of a passphrase costs` {
  private let weak = PassphraseStrength(Array("correct horse".unicodeScalars.map(\.value)))
  private let strong = PassphraseStrength(
    Array("a5dff4e8b0d13ac9662b1f0c8e7d9a34".unicodeScalars.map(\.value)))

  @Test(arguments: [
    ("auto", KeyCost.automatic), ("15", .logN(15)), ("2^17", .logN(17)), ("20", .logN(20)),
    ("14", nil), ("21", nil), ("", nil), ("2^", nil), ("high", nil), ("-17", nil),
  ])
  func `is asked for`(text: String, cost: KeyCost?) {
    #expect(KeyCost(argument: text) == cost)
    if let cost { #expect(KeyCost(argument: cost.description) == cost) }
  }

  @Test(arguments: [
    (UInt64?.none, UInt8(17)), (.max, 17), (256 << 20, 17), (255 << 20, 16), (128 << 20, 16),
    (127 << 20, 15), (0, 15),
  ])
  func `is as much as memory allows, and never less than before`(
    available: UInt64?, logN: UInt8
  ) throws {
    let choice = try KeyCost.automatic.choice(for: weak, available: available)
    #expect(choice.parameters == ScryptParameters(logN: logN, r: 8, p: 1))
    #expect(choice.wanted == (logN == 17 ? nil : .default))
    #expect(
      try KeyCost.automatic.choice(for: strong, available: available)
        == KeyCost.Choice(parameters: .quick))
  }

  @Test func `is what was asked for, or an error`() throws {
    let cost = KeyCost.logN(20)
    #expect(try cost.choice(for: strong, available: 2 << 30).parameters.logN == 20)
    #expect(throws: KeyCost.NotEnoughMemory.self) {
      try cost.choice(for: strong, available: 1 << 29)
    }
    #expect(try KeyCost.logN(15).choice(for: weak, available: nil).parameters == .quick)
  }

  @Test func `says how much memory it takes, and what to do`() {
    func text(_ bytes: UInt64, _ available: UInt64?) -> String {
      String(decoding: KeyCost.noMemory(bytes, available: available).bytes, as: UTF8.self)
    }
    let little = text(32 << 20 + 3072, 10 << 20)
    #expect(little.contains("takes 32 MiB, and 10.00 MiB are available."))
    #expect(!little.contains("--kdf-cost"))
    let much = text(128 << 20, nil)
    #expect(much.contains("takes 128 MiB. End other programs"))
    #expect(much.contains("--kdf-cost 15"))
  }

  @Test func `looks at the memory there is`() throws {
    let bytes = try #require(AvailableMemory.bytes())
    #expect(bytes > 1 << 20)
    #expect(bytes < 1 << 50)
  }
}
