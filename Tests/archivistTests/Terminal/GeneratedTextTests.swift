import Testing

@testable import archivist

/// Passphrases that people think up never pass for the output of a generator, and that nearly always does.
@Suite struct `A text that a generator may have made` {
  private static func isGenerated(_ text: String) -> Bool {
    GeneratedText(text.unicodeScalars.map(\.value)) != nil
  }

  // MARK: People

  /// Lines that people know, in many languages, in the letters of ASCII.
  private static let lines = [
    "to be or not to be that is the question whether tis nobler in the mind to suffer",
    "it was the best of times it was the worst of times it was the age of wisdom",
    "my dog likes to eat pizza with cheese and then sleeps on the old red sofa",
    "we hold these truths to be self evident that all men are created equal",
    "sein oder nichtsein das ist hier die frage obs edler im gemuet die pfeil und schleudern",
    "wer reitet so spaet durch nacht und wind es ist der vater mit seinem kind",
    "demain des laube a lheure ou blanchit la campagne je partirai vois tu je sais",
    "maitre corbeau sur un arbre perche tenait en son bec un fromage",
    "en un lugar de la mancha de cuyo nombre no quiero acordarme no ha mucho tiempo",
    "nel mezzo del cammin di nostra vita mi ritrovai per una selva oscura",
    "litwo ojczyzno moja ty jestes jak zdrowie ile cie trzeba cenic ten tylko sie dowie",
    "kde domov muj voda huci po lucinach bory sumi po skalinach v sade skvi se jara kvet",
    "as armas e os baroes assinalados que da ocidental praia lusitana",
    "mieleni minun tekevi aivoni ajattelevi lahteani laulamahan saani sanelemahan",
    "arma virumque cano troiae qui primus ab oris italiam fato profugus",
    "wilhelmus van nassouwe ben ik van duitsen bloed den vaderland getrouwe blijf ik",
    "du gamla du fria du fjallhoga nord du tysta du gladjerika skona",
    "hazadnak renduletlenul legy hive oh magyar bolcsod az s majdan sirod is",
    "korkma sonmez bu safaklarda yuzen al sancak sonmeden yurdumun ustunde",
    "chuang qian ming yue guang yi shi di shang shuang ju tou wang ming yue",
    "furuike ya kawazu tobikomu mizu no oto shizukesa ya iwa ni shimiiru semi no koe",
    "ya vas lyubil lyubov eshche byt mozhet v dushe moey ugasla ne sovsem",
    "mae hen wlad fy nhadau yn annwyl i mi gwlad beirdd a chantorion",
    "tram nam trong coi nguoi ta chu tai chu menh kheo la ghet nhau",
  ]

  /// Four to fourteen words in a row of all lines.
  private static let phrases: [[String]] = lines.flatMap { line in
    let words = line.split(separator: " ").map(String.init)
    return [4, 5, 7, 9, 13].filter { $0 <= words.count }.flatMap { count in
      stride(from: 0, through: words.count - count, by: 3).map { Array(words[$0..<($0 + count)]) }
    }
  }

  private static func camel(_ words: [String]) -> String {
    words.map(capital).joined()
  }

  private static func capital(_ word: String) -> String {
    word.prefix(1).uppercased() + word.dropFirst()
  }

  private static func leet(_ text: String, _ letters: String, _ marks: String) -> String {
    let map = Dictionary(uniqueKeysWithValues: zip(letters, marks))
    return String(text.map { map[$0] ?? $0 })
  }

  private static func woven(_ text: String, _ other: String) -> String {
    zip(text, String(repeating: other, count: text.count / other.count + 1))
      .map { "\($0.0)\($0.1)" }.joined()
  }

  /// The ways in which people make passphrases of words.
  private static let ways: [(name: String, make: @Sendable ([String]) -> String)] = [
    ("words", { $0.joined(separator: " ") }),
    ("hyphens", { $0.joined(separator: "-") }),
    ("Hyphens-And-Capitals-1", { $0.map(capital).joined(separator: "-") + "-1" }),
    ("CamelCase", camel),
    ("CamelCase2019", { camel($0) + "2019" }),
    ("CamelCase!42", { camel($0) + "!42" }),
    ("Words!with!marks#1", { $0.map(capital).joined(separator: "!") + "#1" }),
    (
      "Digits1between2Words3",
      { $0.enumerated().map { capital($1) + "\($0 % 10)" }.joined() }
    ),
    (
      "digits1between2words3",
      { $0.enumerated().map { $1 + "\(($0 * 7 + 3) % 10)" }.joined() }
    ),
    ("C4m3lC4s3", { leet(camel($0), "aeiost", "431057") }),
    ("C@m3lC@$e", { leet(camel($0), "aeios", "@3!0$") }),
    ("l33t", { leet($0.joined(), "aeiost", "431057") }),
    ("l33t and capitals", { leet(camel($0), "aeo", "430") + "!" }),
    ("p.a.s.s", { woven($0.joined(), ".") }),
    ("p1a2s3s4", { woven($0.joined(), "1234567890") }),
    ("P!a1S!s1", { woven(camel($0), "!1#2") }),
    ("pXaYsZ", { woven($0.joined(), "XYZ") }),
    (
      "aLtErNaTe",
      { String($0.joined().enumerated().map { $0 % 2 == 0 ? $1 : Character($1.uppercased()) }) }
    ),
    ("backwards", { String(camel($0).reversed()) + "1" }),
    (
      "two lines by turns",
      { woven($0.joined(), camel(Array($0.reversed()))) + "7" }
    ),
    ("initials", { $0.map { $0.prefix(1) }.joined() + "2024!" }),
    ("base64", { base64($0.joined(separator: " ")) }),
    ("hexadecimal", { $0.joined(separator: " ").utf8.map { String($0, radix: 16) }.joined() }),
  ]

  private static func base64(_ text: String) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var (result, held, count) = ("", 0, 0)
    for byte in text.utf8 {
      held = (held << 8 | Int(byte)) & 0xffff
      count += 8
      while count >= 6 {
        count -= 6
        result.append(digits[held >> count & 63])
      }
    }
    if count > 0 { result.append(digits[held << (6 - count) & 63]) }
    return result + String(repeating: "=", count: (4 - result.count % 4) % 4)
  }

  @Test(arguments: ways.indices)
  func `is none of words`(way: Int) {
    let way = Self.ways[way]
    let made = Self.phrases.map(way.make)
    let taken = made.filter(Self.isGenerated)
    #expect(taken.isEmpty, "\(way.name): \(taken.count) of \(made.count): \(taken.prefix(5))")
  }

  @Test(arguments: [
    // Sequences, and sequences by turns.
    "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6", "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6",
    "aAbBcCdDeEfFgGhHiIjJkKlLmMnNoOpP1!", "acegikmoqsuwybdfhjlnprtvxz13579",
    "aCeGiKmOqSuWyBdFhJlNpRtVxZ13579!", "0123456789abcdef0123456789abcdef",
    "fedcba9876543210fedcba9876543210", "00112233445566778899aabbccddeeff",
    "a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5", "1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "Aa1!Bb2@Cc3#Dd4$Ee5%Ff6^",
    "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789", "123abc456def789ghi012jkl345mno67",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    // Formulas, code, games, addresses, speech of messages, another alphabet on Latin keys, links.
    "VjqGfhjkmJxtymCkj;ysq12", "EvjvHjccb.YtGjyznm12", "https://youtu.be/dQw4w9WgXcQ?t=42",
    "2001:0db8:85a3:08d3:1319:8a2e:0370:7344",
    "3c:22:fb:9a:1e:07-b8:27:eb:4f:d3:61-00:1b:63:84:45:e6",
    "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8",
    "1da177e4c3f41524e886b7f1b8a0c1fc7321cac2",
    "5f4dcc3b5aa765d61d8327deb882cf99", "E=mc^2;F=ma;U=R*I;p=m*v;V=3", "x=(-b+-sqrt(b^2-4ac))/2A",
    "Thx4URhlp!CUl8r,xoxo;-)", "dd3wciw<C-r>0<Esc>:wQ!qa@a",
    "duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad", "(^_^)/~<3:-*xO8-);D=Pq1",
    "r9C:DE>2D#u@56=7e_(:?E6CK", "Apt.9C,#44Bx,NYC/10025:Tel212-5",
    // Keyboards.
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.", "1qaz@WSX3edc$RFV5tgb^YHN7ujm",
    "!Q@W#E$R%T^Y&U*I(O)P1q2w3e4r", "!@#$%^&*()_+qwertyuiopQWERTYUIOP1234",
    "zaq1ZAQ!xsw2XSW@cde3CDE#vfr4VFR$", "azertyuiopqsdfghjklmWXCVBN1234567890",
    "poiuytrewqLKJHGFDSAmnbvcxz0987654321", "qwertyQWERTY123456!@#$%^asdfghASDFGH",
    // Digits.
    "1984198520012002199920002010", "314159265358979323846264338327950288419716939937510",
    "2.718281828459045235360287471352662497757", "2001-01-01 2002-02-02 2003-03-03",
    // Numbers that are published, or named after a time.
    "d41d8cd98f00b204e9800998ecf8427e", "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "550e8400-e29b-41d4-a716-446655440000",
    "123e4567-e89b-12d3-a456-426614174000", "243f6a8885a308d313198a2e03707344",
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "2b7e151628aed2a6abf7158809cf4f3c",
    // Notations with rules of their own.
    "https://www.youtube.com/watch?v=dQw4w9WgXcQ", "e4e5Nf3Nc6Bb5a6Ba4Nf6O-OBe7Re1b5Bb3d6",
    "GB82WEST12345698765432DE89370400440532013000", "FCKGW-RHQQ2-YXRKT-8TG6W-2B7Q8",
    #"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"#,
    "Xk7#mP2$vL9@nQ4!wR8%tY3^", "deadbeefdeadbeefcafebabecafebabe",
    // Too short, or of one class.
    "k9Xv2QmZpR7sTn4WbLc8Yg", "k7#Qz!mW2$rT9x", "a5dff4e8b0d13ac9662b1f0c8e7d", "",
    "xkqzvjwpmrtbghdlxkcvnwqzjfpm", "MyP@ssw0rdIsVeryL0ngAndSecure123!",
  ])
  func `is none of these`(text: String) { #expect(!Self.isGenerated(text)) }

  // MARK: Generators

  /// Numbers that are the same in every run.
  private struct Source: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      // SplitMix64.
      state &+= 0x9e37_79b9_7f4a_7c15
      var mixed = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
      mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
      return mixed ^ mixed >> 31
    }
  }

  private enum Generator: CaseIterable {
    case hex16, hex24, hex32, upperHex16, uuid, base32, base64of16, base64of24, base64of32
    case pwgen32, bitwarden32, keepass32

    private static let small = Array("abcdefghijklmnopqrstuvwxyz")
    private static let capital = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    private static let digits = Array("0123456789")
    private static let marks = Array("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")

    /// How many of 500 may be taken for a person's.
    var most: Int {
      switch self {
      case .hex16, .hex24, .hex32, .upperHex16, .uuid: 12
      case .base32, .base64of16, .base64of32, .bitwarden32, .keepass32: 20
      case .base64of24, .pwgen32: 30
      }
    }

    func make(_ source: inout Source) -> String {
      switch self {
      case .hex16: hexadecimal(16, &source)
      case .hex24: hexadecimal(24, &source)
      case .hex32: hexadecimal(32, &source)
      case .upperHex16: hexadecimal(16, &source).uppercased()
      case .uuid: uuid(&source)
      case .base32: draw(32, of: [Self.capital + Array("234567")], &source)
      case .base64of16: base64(16, &source)
      case .base64of24: base64(24, &source)
      case .base64of32: base64(32, &source)
      case .pwgen32: draw(32, of: [Self.small + Self.capital + Self.digits], &source)
      case .bitwarden32: draw(32, of: classes(Array("!@#$%^&*")), &source)
      case .keepass32: draw(32, of: classes(Self.marks), &source)
      }
    }

    private func classes(_ marks: [Character]) -> [[Character]] {
      [Self.small, Self.capital, Self.digits, marks]
    }

    private func hexadecimal(_ bytes: Int, _ source: inout Source) -> String {
      draw(2 * bytes, of: [Array("0123456789abcdef")], &source)
    }

    private func uuid(_ source: inout Source) -> String {
      var digits = Array(hexadecimal(16, &source))
      digits[12] = "4"
      digits[16] = ["8", "9", "a", "b"].randomElement(using: &source) ?? "8"
      for place in [20, 16, 12, 8] { digits.insert("-", at: place) }
      return String(digits)
    }

    private func base64(_ count: Int, _ source: inout Source) -> String {
      var text = ""
      let digits = Self.capital + Self.small + Self.digits + ["+", "/"]
      let bits = 8 * count
      for start in stride(from: 0, to: bits, by: 6) {
        let number = Int.random(in: 0..<64, using: &source)
        let missing = max(0, start + 6 - bits)
        text.append(digits[(number >> missing) << missing])
      }
      return text + String(repeating: "=", count: (4 - text.count % 4) % 4)
    }

    /// One of each alphabet, the rest of all, in any order.
    private func draw(
      _ count: Int, of alphabets: [[Character]], _ source: inout Source
    ) -> String {
      var text = alphabets.compactMap { $0.randomElement(using: &source) }
      let all = alphabets.flatMap(\.self)
      while text.count < count { text += [all.randomElement(using: &source) ?? "?"] }
      text.shuffle(using: &source)
      return String(text)
    }
  }

  @Test(arguments: Generator.allCases)
  private func `is what generators make, nearly always`(generator: Generator) {
    var source = Source(state: 4711)
    let missed = (0..<500).count { _ in !Self.isGenerated(generator.make(&source)) }
    #expect(missed <= generator.most, "\(missed) of 500")
  }
}
