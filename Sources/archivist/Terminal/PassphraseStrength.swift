import Glibc
import StoreCrypto

/// An estimate of how hard a passphrase is to guess.
///
/// Only what a generator made, by all that can be told of it (`GeneratedText`), counts as beyond all
/// guesses. The rest may have been thought up, and then no estimate is high enough to rely on: it counts
/// for `PassphraseEstimate`, which knows how people make passphrases and errs towards too little, and
/// never is sufficient. Words drawn from a list are among the rest: nothing tells eight of them from a
/// verse without a dictionary of all languages.
struct PassphraseStrength {
  /// The bits from which on nobody can try all possible passphrases, whatever one try costs.
  static let sufficient = 96.0
  /// The bits below which many can try all of them, also at the cost of `ScryptParameters.default`.
  static let weak = 48.0

  /// The binary logarithm of the number of guesses, on average, at the least.
  let bits: Double

  /// Whether the cost of a guess does not matter.
  var isSufficient: Bool { bits >= Self.sufficient }

  /// Whether its owner has to be told.
  var isWeak: Bool { bits < Self.weak }

  /// Estimates the strength of a passphrase.
  init(_ secret: Secret) {
    var units = secret.withBytes { bytes in Self.units(bytes) }
    defer { for i in units.indices { units[i] = 0 } }
    self.init(units)
  }

  /// Estimates the strength of a text.
  init(_ units: [UInt32]) {
    // A longer text has enough in its beginning.
    let units = Array(units.prefix(512))
    if let generated = GeneratedText(units) {
      bits = generated.bits
      return
    }
    var estimate = PassphraseEstimate(units)
    estimate.tokens()
    estimate.words()
    estimate.sequences()
    estimate.repetitions()
    let distinct = Double(max(1, Set(units).count))
    bits = min(
      estimate.total, Double(units.count) * log2(2 * distinct), Self.sufficient.nextDown)
  }

  /// The characters of a text; what is none stands for itself, beyond all characters.
  private static func units(_ bytes: Span<UInt8>) -> [UInt32] {
    var copy = bytes.indices.map { bytes[$0] }
    defer { wipe(&copy) }
    var units: [UInt32] = []
    units.reserveCapacity(copy.count)
    var parser = Unicode.UTF8.ForwardParser()
    var source = copy.makeIterator()
    while true {
      switch parser.parseScalar(from: &source) {
      case .valid(let encoded): units.append(Unicode.UTF8.decode(encoded).value)
      case .error: units.append(PassphraseEstimate.invalid)
      case .emptyInput: return units
      }
    }
  }
}
