/// Tells what looks like a word from what looks like random letters, without a dictionary.
///
/// A dictionary would be large, of one language, and would not have the name of somebody's dog. Pairs of
/// letters that occur in words are few, and much alike in the languages of Europe: nine in ten pairs of
/// a word are among the 239 here, and one in three of random letters.
enum WordShapes {
  /// Whether these letters, in lower case, may be a word.
  ///
  /// - Parameters:
  ///   - letters: ASCII letters in lower case; others count as letters that follow any other.
  ///   - share: The share of pairs that have to be usual.
  /// - Returns: Whether they may; never of fewer than three.
  static func isWordLike(_ letters: ArraySlice<UInt32>, share: Double) -> Bool {
    guard letters.count >= 3 else { return false }
    var usual = 0
    for (first, second) in zip(letters, letters.dropFirst()) {
      if first > 127 || second > 127 || pairs.contains(first << 8 | second) { usual += 1 }
    }
    return Double(usual) >= share * Double(letters.count - 1)
  }

  /// Whether these letters, in lower case, are a word that sentences are full of.
  static func isFrequent(_ letters: ArraySlice<UInt32>) -> Bool {
    frequent.contains(Array(letters))
  }

  /// The letters that follow each letter, from `a` to `z`.
  private static let followers = [
    "bcdgiklmnprstuvy", "aeilorsu", "acehiklorstu", "adeilorsu", "abcdefgilmnprstuvwxy",
    "aefilorsu",
    "aehilnors", "aeio", "abcdefgjlmnoprstvz", "", "eis", "adeilostuy", "aeiopsu", "acdefgiknostu",
    "bcdefgklmnoprstuvw", "aefhiloprstuy", "u", "acdegiklmnorstuy", "acehilopstuyz",
    "acehiloprstuyz", "abceilmnprst", "aei", "aei", "ept", "ps", "euw",
  ]

  private static let pairs: Set<UInt32> = {
    var pairs: Set<UInt32> = []
    for (first, row) in followers.enumerated() {
      for second in row.unicodeScalars { pairs.insert((97 + UInt32(first)) << 8 | second.value) }
    }
    return pairs
  }()

  private static let frequent: Set<[UInt32]> = Set(
    """
    the a an and or of to in on at by for from with is are was be been it its this that my your his \
    her our their you i he she we they me not no so as but if then there where what who how when all \
    one two do does did have has had will would can could over under into out up down
    der die das und ist ein eine nicht ich du er sie wir mit von zu den dem auf für im
    le la les un une et est de du des je tu il nous vous pas que qui dans pour el los las y es en
    """.split { $0 == " " || $0 == "\n" }.map { $0.unicodeScalars.map(\.value) })
}
