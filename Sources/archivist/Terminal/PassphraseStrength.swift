import Crypto
import Glibc

/// An estimate of how hard a passphrase is to guess.
///
/// Errs towards too little: counts the choices that somebody who knows how the passphrase was made has to
/// guess right.
///
/// - letters 4.7 bits, digits 3.3, and one where small and capital letters or digits follow each other;
///   a hexadecimal digit among such 4; in base64 and the like 5.7;
/// - what looks like a word (`WordShapes`), whatever is written with digits in it, 12.5 bits, which is
///   a word of a list of six thousand; less if it has three letters, more if it has more than eight;
/// - a word 6 bits, and a frequent one 3, where frequent ones say that it is a sentence;
/// - years 7 bits, marks 4, and 1 when they come again, spaces none;
/// - half a bit for what goes on with a sequence, as `123` and `qwerty`, and 4 for all that repeats what
///   was there before.
///
/// 16 random bytes have enough in hexadecimal digits and, nearly always, in base32 or base64; eight random
/// words have, too.
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
    var estimate = PassphraseEstimate(units)
    estimate.tokens()
    estimate.words()
    estimate.sequences()
    estimate.repetitions()
    let distinct = Double(max(1, Set(units).count))
    bits = min(estimate.total, Double(units.count) * log2(2 * distinct))
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
