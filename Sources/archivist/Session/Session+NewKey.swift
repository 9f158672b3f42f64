import ChunkStore
import StoreCrypto

extension Session {
  /// A passphrase for a new key slot, and what a guess of it is to cost.
  ///
  /// Says so where it is weak, and where there is no memory for what it needs.
  func newKey(
    usesExisting: Bool, cost: KeyCost
  ) throws -> (passphrase: Secret, parameters: ScryptParameters) {
    let passphrase = try newPassphrase(usesExisting: usesExisting)
    let strength = PassphraseStrength(passphrase)
    let available = AvailableMemory.bytes()
    let choice = try cost.choice(for: strength, available: available)
    if strength.isWeak, passphrase.count > 0 {
      report.caution(
        "the new passphrase is weak: \(Int(strength.bits)) bits by estimate. Whoever gets at the files of "
          + "the repository can try guesses for as long as they like. Take one that is random: 8 words "
          + "from a list, or what `head -c 16 /dev/urandom | base64` prints")
    }
    // Where there is not even so much, it fails, and says that.
    if choice.wanted != nil, let available, choice.parameters.memory <= available {
      report.caution(
        "the passphrase is stretched with N = 2^\(choice.parameters.logN) instead of "
          + "2^\(ScryptParameters.default.logN), because \(HumanText.size(available, iec: true)) of memory "
          + "are available here. Where there is more, `archivist key change-passphrase` raises it")
    }
    report.info(
      "A guess of the passphrase costs scrypt with N = 2^\(choice.parameters.logN), "
        + "\(HumanText.size(choice.parameters.memory, precision: 0, iec: true)) of memory")
    return (passphrase, choice.parameters)
  }
}
