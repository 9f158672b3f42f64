/// The round numbers at which reads of segments begin and end.
///
/// Where a block, or a segment's directory, begins and ends is sealed: whoever serves a segment is not
/// to learn it from what is asked for.
package enum ReadGranule {
  /// Bytes.
  package static let size = 64 << 10

  /// The least range that holds `range`, and begins and ends at multiples of the granule.
  package static func widened(_ range: Range<Int>) -> Range<Int> {
    let start = range.lowerBound / size * size
    let (end, overflow) = range.upperBound.addingReportingOverflow(size - 1)
    return start..<(overflow ? range.upperBound : max(end / size * size, start))
  }
}
