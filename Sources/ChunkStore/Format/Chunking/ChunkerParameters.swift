/// How contents are cut into chunks; recorded with each archive.
///
/// Written as `buzhash,MIN_EXP,MAX_EXP,MASK_BITS,WINDOW` or `fixed,SIZE`: decimal numbers without
/// sign, space or leading zeros, so that one text stands for one choice.
///
/// - `MIN_EXP` is 10 to 24: no chunk but the last is shorter than 2^MIN_EXP bytes. From 17 on one
///   position in 256 is encrypted, which costs next to nothing; below, twice as many for each
///   step, so that very small chunks are found about ten times as slowly.
/// - `MAX_EXP` is greater than `MIN_EXP`, and at most 25: no chunk is longer than 2^MAX_EXP bytes,
///   and none than the 32 MiB that the format allows.
/// - `MASK_BITS` is `MIN_EXP` − 1 to `MAX_EXP`: behind the minimum a cut falls on one position in
///   2^MASK_BITS. Below, nearly all chunks would end right behind the minimum, where a change moves
///   every later cut; above, most would end at the maximum.
/// - `WINDOW` is odd, at least 63, and less than 2^MIN_EXP: so many bytes decide whether a position
///   is one for a cut. In a stretch of one repeated byte the hash is a sum of rotations of one
///   table entry. An odd number of them is an invertible function of the entry; of an even number
///   a part cancels out, and of a multiple of 64 at most the parity is left, whatever the key.
/// - `SIZE` is 512 to 33,554,432 bytes.
public enum ChunkerParameters: Hashable, Sendable, CustomStringConvertible {
  /// Cuts where the content says so: insertions move cuts along with the bytes around them.
  case buzhash(minimumExponent: Int, maximumExponent: Int, maskBits: Int, window: Int)
  /// Cuts every `size` bytes: for disk images and block devices, which change in place.
  case fixed(size: Int)

  /// The default parameters: chunks of 128 KiB to 2 MiB, about 200 KiB on average.
  public static let `default` = ChunkerParameters.buzhash(
    minimumExponent: 17, maximumExponent: 21, maskBits: 16, window: 4095)

  /// Reads parameters as they are written on a command line and in an archive.
  ///
  /// - Throws: `ChunkerParametersError` for anything that is not exactly of the form, or outside
  ///   the ranges, that this type states.
  public init(parsing text: String) throws(ChunkerParametersError) {
    let fields = text.split(separator: ",", omittingEmptySubsequences: false)
    switch fields.first {
    case "buzhash":
      guard fields.count == 5 else { throw .wrongFieldCount(expected: Self.buzhashForm) }
      self = .buzhash(
        minimumExponent: try Self.number(fields[1]), maximumExponent: try Self.number(fields[2]),
        maskBits: try Self.number(fields[3]), window: try Self.number(fields[4]))
    case "fixed":
      guard fields.count == 2 else { throw .wrongFieldCount(expected: Self.fixedForm) }
      self = .fixed(size: try Self.number(fields[1]))
    default:
      throw .unknownAlgorithm(String(fields.first ?? ""))
    }
    try validate()
  }

  /// Checks that every number is in the range that this type states.
  ///
  /// - Throws: `ChunkerParametersError.outOfRange` for the first that is not, or `.evenWindow`.
  public func validate() throws(ChunkerParametersError) {
    func check(
      _ name: String, _ value: Int, _ range: ClosedRange<Int>
    ) throws(ChunkerParametersError) {
      guard range.contains(value) else { throw .outOfRange(name, value, range) }
    }
    switch self {
    case .buzhash(let minimum, let maximum, let maskBits, let window):
      // In this order the later ranges are never empty.
      try check("MIN_EXP", minimum, 10...(Self.exponentLimit - 1))
      try check("MAX_EXP", maximum, (minimum + 1)...Self.exponentLimit)
      try check("MASK_BITS", maskBits, (minimum - 1)...maximum)
      try check("WINDOW", window, 63...((1 << minimum) - 1))
      guard window % 2 == 1 else { throw .evenWindow(window) }
    case .fixed(let size):
      try check("SIZE", size, 512...(1 << Self.exponentLimit))
    }
  }

  /// The form that `init(parsing:)` reads.
  public var description: String {
    switch self {
    case .buzhash(let minimum, let maximum, let maskBits, let window):
      "buzhash,\(minimum),\(maximum),\(maskBits),\(window)"
    case .fixed(let size): "fixed,\(size)"
    }
  }

  /// The most bytes that a chunk has.
  public var maximumChunkSize: Int {
    switch self {
    case .buzhash(_, let maximum, _, _): 1 << maximum
    case .fixed(let size): size
    }
  }

  /// The fewest bytes that a chunk has, unless it is the last one.
  public var minimumChunkSize: Int {
    switch self {
    case .buzhash(let minimum, _, _, _): 1 << minimum
    case .fixed(let size): size
    }
  }

  /// 2^25 bytes are 32 MiB, the longest chunk of the format.
  private static let exponentLimit = 25

  private static let buzhashForm = "buzhash,MIN_EXP,MAX_EXP,MASK_BITS,WINDOW"
  private static let fixedForm = "fixed,SIZE"

  private static func number(_ text: Substring) throws(ChunkerParametersError) -> Int {
    // `Int` also takes signs and leading zeros: one number has one text.
    guard let value = Int(text), value >= 0, String(value) == text else {
      throw .notANumber(String(text))
    }
    return value
  }
}

/// Why a text does not describe a way to cut.
public enum ChunkerParametersError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The first word names no way to cut.
  case unknownAlgorithm(String)
  /// Numbers are missing, or there are too many.
  case wrongFieldCount(expected: String)
  /// Something that is not a decimal number in its shortest form.
  case notANumber(String)
  /// The parameter of this name is outside its range.
  case outOfRange(String, Int, ClosedRange<Int>)
  /// The window has an even number of bytes.
  case evenWindow(Int)

  /// A sentence for people.
  public var description: String {
    switch self {
    case .unknownAlgorithm(let name):
      "unknown chunker '\(name)': use buzhash,MIN_EXP,MAX_EXP,MASK_BITS,WINDOW or fixed,SIZE"
    case .wrongFieldCount(let expected):
      "chunker parameters must have the form \(expected)"
    case .notANumber(let text):
      "'\(text)' in the chunker parameters is not a plain decimal number"
    case .outOfRange(let name, let value, let range):
      "chunker parameter \(name) is \(value), but must be \(range.lowerBound) to "
        + "\(range.upperBound)"
    case .evenWindow(let window):
      "chunker parameter WINDOW is \(window), but must be odd"
    }
  }
}
