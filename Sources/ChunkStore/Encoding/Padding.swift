/// The sizes that sealed objects are padded to.
///
/// Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with
/// PURBs", PoPETs 2019, algorithm 1): a size keeps only as many leading bits as its exponent
/// needs, so that an object of n bytes shows O(log log n) bits of its size, for at most 12 %.
package enum Padding {
  /// No sealed object is smaller.
  package static let minimum = 4096

  /// The padded size of an object of `size` bytes.
  package static func padded(_ size: Int) -> Int {
    guard size > minimum else { return minimum }
    let mask = step(size) - 1
    return (size + mask) & ~mask
  }

  /// How far padded sizes lie apart about `size` bytes; less than so much is padded.
  package static func step(_ size: Int) -> Int {
    guard size > minimum else { return minimum }
    let exponent = Int.bitWidth - 1 - size.leadingZeroBitCount
    let kept = Int.bitWidth - exponent.leadingZeroBitCount
    return 1 << (exponent - kept)
  }
}
