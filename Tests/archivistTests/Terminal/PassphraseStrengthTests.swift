import StoreCrypto
import Testing

@testable import archivist

@Suite struct `The strength of a passphrase` {
  private func bits(_ text: String) -> Double { bits(Array(text.utf8)) }
  private func bits(_ bytes: [UInt8]) -> Double {
    PassphraseStrength(Secret(copying: bytes.span)).bits
  }

  @Test(arguments: [
    // 16 bytes in hexadecimal digits and base64; 20 bytes in base32; 32 characters of all classes.
    "a5dff4e8b0d13ac9662b1f0c8e7d9a34", "7FD4B19A03EE5C2888A1D6F0349BC7E2",
    "3fb8a7c1-6d52-4e09-9a1f-c47b20e5d638", "k9Xv2QmZpR7sTn4WbLc8Yg==",
    "XQ4ZK7VDMB2YHC5WJ3RPTN6GULFA", "h4#Vx9!qLw2Zr%T8m&Kd7^uJp3@RcYn5",
  ])
  func `suffices where a generator has made it`(text: String) {
    #expect(bits(text) >= PassphraseStrength.sufficient)
  }

  @Test(arguments: [
    "vigorous dreadlock stapling unmixable cabbage twiddling outsell backpedal",
    "swift-xylophone-marble-quantum-ferret-velvet-orbit-candle",
    "acid.brim.coal.dusk.envy.flax.glue.husk",
  ])
  func `does not suffice in words, but is not weak, if they are drawn`(text: String) {
    #expect(bits(text) < PassphraseStrength.sufficient)
    #expect(bits(text) > PassphraseStrength.weak)
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
    // Random, but as short as formulas and code are.
    "h4#Vx9!qLw2Zr%T8m&Kd", "Zq3/7hGx+PnWk2VtRs91Lw",
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
}
