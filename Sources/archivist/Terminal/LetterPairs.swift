/// The letters that follow each other in words, whatever the language.
///
/// A dictionary would be large, of one language, and would not have the name of somebody's dog. Which
/// letters follow which is much alike in all languages that are written in Latin letters.
enum LetterPairs {
  /// The bits saved by whoever writes letters down in a code made for words, instead of one made for
  /// random letters; negative where it takes more.
  ///
  /// - Parameter letters: Small letters from `a` to `z`.
  /// - Returns: The bits.
  static func gain(_ letters: [UInt8]) -> Double {
    zip(letters, letters.dropFirst()).reduce(0) { $0 + gain($1.0, $1.1) }
  }

  /// The most that is saved in any stretch of the letters.
  static func greatestGain(_ letters: [UInt8]) -> Double {
    var sum = 0.0
    var greatest = 0.0
    for (first, second) in zip(letters, letters.dropFirst()) {
      sum = max(0, sum + gain(first, second))
      greatest = max(greatest, sum)
    }
    return greatest
  }

  private static func gain(_ first: UInt8, _ second: UInt8) -> Double {
    let a = Int(UInt8(ascii: "a"))
    return gains[(Int(first) - a) * 26 + Int(second) - a]
  }

  /// A row for each first letter, a column for each second one: half bits, from `a` (-4) to `o` (3).
  ///
  /// Made by scripts/letter-pairs of texts and lists of words in 24 languages: Catalan, Czech, Danish,
  /// Dutch, English, Finnish, French, German, Hungarian, Indonesian, Irish, Italian, Japanese and
  /// Chinese in Latin letters, Latin, Lithuanian, Polish, Portuguese, Russian in Latin letters, Spanish,
  /// Swedish, Turkish, Vietnamese and Welsh.
  private static let gains: [Double] = [
    "ghijgfhgjfikjmfhdkkjhhdcgf",
    "lhggmgghlggjfgkgfjggkfffif",
    "lggfkffnkfhhfglffhhhiffffg",
    "lgfinghgmgfgfgkfeihgkffegg",
    "ihhihfhfifhkjmggdmljggeeeg",
    "kgghkihhkhgiggkggkhijggghg",
    "lgghlfhjlfgighjfgjihkghfjf",
    "ngggmffflfghghkfeihikfffff",
    "jfiikfifefikjmigdjlkghddeg",
    "mhhilhggjghhhhkhghihjhgggh",
    "mggglffikfhjghlgfiijjhffgf",
    "nfgimfggmegkggkfefiiifedhe",
    "miggmffhlefhihkiffhhjfeeff",
    "lfikkflilfggghjfdfjkhffcge",
    "hhijhghgifhkjmhielkjihgdeg",
    "mggglffikfgjggliflhhjfffgf",
    "hhhhhhhhjhhhhhhhhhhhnhhhhh",
    "mggjmfhelehghilfdgiiiffdgf",
    "lgihlgfikeihhgjiegkligeceh",
    "lgffmefjlefggglgdkiiigfdgf",
    "jhihjgigjgijjlihekkkfghfgg",
    "ngghmggglgggghkgfhhghgffhg",
    "lhhhlhhilhhjhhjhhiihhhhhjh",
    "jiiijiiikiiiiijiiiiiiiiiii",
    "lhiijhhhjghiijjhgijikigggh",
    "lhhilghikghihijhghiijhhgih",
  ].flatMap { row in row.utf8.map { Double($0 - UInt8(ascii: "a")) / 2 - 4 } }
}
