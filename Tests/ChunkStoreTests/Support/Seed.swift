import Glibc
import Testing

/// Where the random cases of a test come from.
///
/// It is an argument of the test, so that a failure names it; `ARCHIVIST_TEST_SEED=N` in the
/// environment gives the whole suite other cases.
struct Seed: Sendable, CustomTestStringConvertible {
  let value: UInt64

  var testDescription: String { "seed \(value)" }

  /// A generator of equal bytes each time.
  var generator: PseudoRandomBytes { PseudoRandomBytes(seed: value) }

  /// Several seeds, one test case each.
  static func each(_ count: UInt64) -> [Seed] {
    (0..<count).map { Seed(value: base &+ $0) }
  }

  private static let base: UInt64 = {
    guard let text = unsafe getenv("ARCHIVIST_TEST_SEED"),
      let number = UInt64(unsafe String(cString: text))
    else { return 1 }
    return number
  }()
}
