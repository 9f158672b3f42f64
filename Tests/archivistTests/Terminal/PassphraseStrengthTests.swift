import Crypto
import Testing

@testable import archivist

@Suite struct `The strength of a passphrase` {
  private func bits(_ text: String) -> Double { bits(Array(text.utf8)) }
  private func bits(_ bytes: [UInt8]) -> Double {
    PassphraseStrength(Secret(copying: bytes.span)).bits
  }

  @Test(arguments: [
    // 16 bytes in hexadecimal digits, base64, base64url and base32; 12 words, and 8.
    "a5dff4e8b0d13ac9662b1f0c8e7d9a34", "7FD4B19A03EE5C2888A1D6F0349BC7E2",
    "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", "k9Xv2QmZpR7sTn4WbLc8Yg==",
    "Zq3/7hGx+PnWk2VtRs91Lw", "H7_kd-2QzXw9RfPm4TvBnA", "MZXW6YTBOJQXS3LQN5TGK2DJNR",
    "vigorous dreadlock stapling unmixable cabbage twiddling outsell backpedal",
    "swift-xylophone-marble-quantum-ferret-velvet-orbit-candle",
    "acid.brim.coal.dusk.envy.flax.glue.husk",
  ])
  func `suffices where it is long and random`(text: String) {
    #expect(bits(text) >= PassphraseStrength.sufficient)
  }

  @Test(arguments: [
    "correct horse battery staple", "correcthorsebatterystaple", "CorrectHorseBatteryStaple1!",
    "c0rr3ct h0rs3 b4tt3ry st4pl3", "Correct-Horse-Battery-Staple-2024",
    "the quick brown fox jumps over the lazy dog",
    "In the beginning God created the heaven and the earth",
    "was du heute kannst besorgen das verschiebe nicht auf morgen",
    "richtig pferd batterie klammer tacker rot", "mysecretbackuppassphraseforserver01",
    "supercalifragilisticexpialidocious", "rotkäppchen und der böse wolf im dunklen wald",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "abcdefghijklmnopqrstuvwxyz0123456789",
    "qwertyuiopasdfghjklzxcvbnm1234567890", "!QAZ@WSX#EDC$RFV%TGB^YHN",
    "passwordpasswordpasswordpasswordpassword", "Tr0ub4dor&3",
    "horse horse horse horse horse horse horse horse horse horse",
    "0123456789abcdef0123456789abcdef", "2001-01-01 2002-02-02 2003-03-03",
  ])
  func `does not suffice where a person may have thought it up`(text: String) {
    #expect(bits(text) < PassphraseStrength.sufficient)
  }

  @Test(arguments: [
    "", "a", "secret", "password1234567890", "Password2024!", "correct horse", "Tr0ub4dor&3",
    "123456789012345678901234567890", "letmein letmein", "3f2a9c",
  ])
  func `is weak where it is short or known`(text: String) {
    #expect(bits(text) < PassphraseStrength.weak)
  }

  @Test func `counts bytes that are no text`() {
    #expect(bits([0xff, 0xfe]) < PassphraseStrength.weak)
    #expect(bits((0..<32).map { UInt8(0xc0 + $0 * 7 % 64) }) < 200)
    #expect(bits([UInt8](repeating: 0xff, count: 64)) < PassphraseStrength.weak)
  }

  @Test func `is quick, however long the passphrase`() {
    #expect(bits(String(repeating: "k9Xv2QmZpR7sTn4WbLc8Yg", count: 3000)) < 200)
  }

  @Test func `of random bytes is sufficient nearly always`() throws {
    var short = (hexadecimal: 0, base64: 0)
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    let digits = Array("0123456789abcdef".utf8)
    var state: UInt64 = 4711
    func random(_ count: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % count
    }
    for _ in 0..<1000 {
      let hexadecimal = (0..<32).map { _ in digits[random(16)] }
      let base64 = (0..<22).map { _ in alphabet[random(64)] }
      if bits(hexadecimal) < PassphraseStrength.sufficient { short.hexadecimal += 1 }
      if bits(base64) < PassphraseStrength.sufficient { short.base64 += 1 }
    }
    #expect(short.hexadecimal == 0)
    #expect(short.base64 <= 25)
  }
}
