/// Files that hold patterns, one in each line.
///
/// White space at both ends of a line is no part of it. Empty lines, and lines that begin with
/// `#`, are comments.
enum PatternFile {
  /// A line that cannot be used, and why.
  struct LineError: Error, Equatable, CustomStringConvertible {
    /// Counted from 1.
    var line: Int
    var cause: PatternError

    var description: String { "line \(line): \(cause)" }
  }

  /// Hands over each line that is no comment.
  static func read(
    _ file: [UInt8], _ take: ([UInt8]) throws(PatternError) -> Void
  ) throws(LineError) {
    for (number, line) in file.lines.enumerated() {
      let text = Array(line).trimmed
      if text.isEmpty || text.first == UInt8(ascii: "#") { continue }
      do throws(PatternError) {
        try take(text)
      } catch {
        throw LineError(line: number + 1, cause: error)
      }
    }
  }
}
