/// Bytes that stand within others, because it would be a waste to copy them out.
public struct PlacedBytes: Sendable {
  /// The array that contains the bytes.
  public let whole: [UInt8]
  /// Where.
  public let range: Range<Int>

  package init(_ whole: [UInt8], _ range: Range<Int>) {
    self.whole = whole
    self.range = range
  }

  package init(_ whole: [UInt8]) { self.init(whole, 0..<whole.count) }

  /// How many there are.
  public var count: Int { range.count }

  /// They alone.
  public var bytes: [UInt8] { range.count == whole.count ? whole : Array(whole[range]) }

  /// Some of them; `part` counts from the first.
  package func part(_ part: Range<Int>) -> PlacedBytes {
    PlacedBytes(whole, (range.lowerBound + part.lowerBound)..<(range.lowerBound + part.upperBound))
  }
}
