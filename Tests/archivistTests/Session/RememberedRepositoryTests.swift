import Testing

@testable import archivist

/// Which copy of a repository one is, by the archives that are in it.
@Suite struct RememberedRepositoryTests {
  private var known = RememberedRepository()

  /// Recognizes the content of a place: everything that is missing there was taken away, or never
  /// was there.
  private func recognize(
    at place: String, having archives: String, removed: Set<String> = []
  ) -> RememberedRepository.Recognition {
    let all = Set(known.candidates(at: place).flatMap(\.made).map(\.id))
    return known.recognize(
      at: place, vanished: all.subtracting(archives.map(String.init)).subtracting(removed),
      removed: removed)
  }

  private mutating func make(_ archive: String, at place: String, beside archives: String) {
    let found = recognize(at: place, having: archives)
    known.add(archive, at: place, to: found, generation: 1)
  }

  @discardableResult
  private mutating func adopt(
    at place: String, having archives: String, isOnly: Bool = false, mayHaveMoved: Bool = false
  ) -> RememberedRepository.Adoption {
    let absent = Set(known.copies.flatMap(\.made).map(\.id)).subtracting(archives.map(String.init))
    return known.adopt(
      at: place, found: recognize(at: place, having: archives), absent: absent, generation: 1,
      isOnly: isOnly, mayHaveMoved: mayHaveMoved)
  }

  private func missing(at place: String, having archives: String) -> String {
    recognize(at: place, having: archives).missing.map(\.id).joined()
  }

  @Test mutating func `what is missing is noticed, in a new place as well`() {
    make("a", at: "here", beside: "")
    make("b", at: "here", beside: "a")
    #expect(missing(at: "here", having: "ab") == "")
    #expect(missing(at: "here", having: "a") == "b")
    #expect(missing(at: "there", having: "a") == "b")
  }

  @Test mutating func `it goes on where it was moved to`() {
    make("a", at: "old", beside: "")
    make("b", at: "new", beside: "a")
    make("c", at: "newer", beside: "ab")
    #expect(missing(at: "newer", having: "ab") == "c")
    #expect(missing(at: "newer", having: "abc") == "")
    #expect(known.copies.count == 1)
  }

  /// Both are written to before anybody has said that they are two.
  @Test(arguments: ["here", "there"])
  mutating func `two copies that were written to are kept apart by one word`(place: String) {
    make("a", at: "here", beside: "")
    make("b", at: "there", beside: "a")
    make("c", at: "here", beside: "a")
    make("d", at: "there", beside: "ab")
    #expect(missing(at: "here", having: "ac") == "bd")
    #expect(missing(at: "there", having: "abd") == "c")
    adopt(at: place, having: place == "here" ? "ac" : "abd")
    #expect(missing(at: "here", having: "ac") == "")
    #expect(missing(at: "there", having: "abd") == "")
    // Each one notices what it loses itself.
    #expect(missing(at: "here", having: "a") == "c")
    #expect(missing(at: "there", having: "a") == "bd")
    #expect(missing(at: "there", having: "ab") == "d")
  }

  @Test mutating func `a copy that is taken for one of its own before it is written to`() {
    make("a", at: "here", beside: "")
    adopt(at: "there", having: "a")
    make("b", at: "there", beside: "a")
    make("c", at: "here", beside: "a")
    #expect(missing(at: "here", having: "ac") == "")
    #expect(missing(at: "there", having: "ab") == "")
    #expect(missing(at: "here", having: "a") == "c", "not for the copy that is there")
    #expect(missing(at: "there", having: "a") == "b")
  }

  @Test mutating func `a mirror that lags lends nobody its age`() {
    make("a", at: "here", beside: "")
    make("b", at: "here", beside: "a")
    adopt(at: "mirror", having: "a")
    #expect(missing(at: "mirror", having: "a") == "")
    #expect(missing(at: "mirror", having: "ab") == "")
    #expect(missing(at: "here", having: "a") == "b")
  }

  @Test mutating func `copies take turns in one place`() {
    make("a", at: "usb", beside: "")
    make("b", at: "usb", beside: "a")
    #expect(missing(at: "usb", having: "a") == "b")
    adopt(at: "usb", having: "a")
    make("c", at: "usb", beside: "a")
    make("d", at: "usb", beside: "ab")
    #expect(missing(at: "usb", having: "ac") == "")
    #expect(missing(at: "usb", having: "abd") == "")
    #expect(missing(at: "usb", having: "a") != "")
    #expect(missing(at: "usb", having: "ab") == "d")
  }

  @Test mutating func `a copy is adopted in the place of the first one`() {
    make("a", at: "usb", beside: "")
    #expect(adopt(at: "usb", having: "a").turns == 1)
    make("b", at: "usb", beside: "a")
    // The first disk again.
    make("c", at: "usb", beside: "a")
    #expect(missing(at: "usb", having: "ac") == "")
    #expect(missing(at: "usb", having: "ab") == "")
    #expect(missing(at: "usb", having: "a") != "")
    // A third one, of either of them.
    #expect(adopt(at: "usb", having: "ac").turns == 2)
    make("d", at: "usb", beside: "ac")
    make("e", at: "usb", beside: "ac")
    for archives in ["acd", "ace", "ab"] { #expect(missing(at: "usb", having: archives) == "") }
  }

  @Test mutating func `a disk that was moved has its turn in the new place`() {
    make("a", at: "home", beside: "")
    make("b", at: "usb", beside: "a")
    adopt(at: "usb", having: "ab", mayHaveMoved: true)
    make("c", at: "usb", beside: "ab")
    #expect(missing(at: "usb", having: "abc") == "")
    #expect(missing(at: "usb", having: "ab") == "")
    #expect(missing(at: "usb", having: "a") != "")
  }

  @Test mutating func `a copy that was written to before it was adopted`() {
    make("a", at: "here", beside: "")
    make("b", at: "there", beside: "a")
    adopt(at: "there", having: "ab")
    #expect(missing(at: "here", having: "a") == "")
    #expect(missing(at: "there", having: "a") == "b")
  }

  @Test mutating func `a mirror that is adopted again has to have what it has by then`() {
    make("a", at: "here", beside: "")
    adopt(at: "mirror", having: "a")
    make("b", at: "here", beside: "a")
    make("c", at: "here", beside: "ab")
    #expect(adopt(at: "mirror", having: "abc").present == 3)
    #expect(known.copies.count == 2)
    #expect(missing(at: "mirror", having: "a") == "bc")
    make("d", at: "here", beside: "abc")
    #expect(missing(at: "mirror", having: "abc") == "")
  }

  @Test mutating func `what was made and deleted in a copy is not missed in the other`() {
    make("a", at: "here", beside: "")
    make("b", at: "there", beside: "a")
    known.forget(["a", "b"], at: "there")
    #expect(missing(at: "here", having: "a") == "")
    #expect(missing(at: "here", having: "") == "a", "deleted in the other one, perhaps")
    // Where there is but one, its own record of the removal tells.
    make("c", at: "new", beside: "a")
    known.copies[0].places = ["new"]
    known.forget(["c"], at: "new")
    #expect(missing(at: "new", having: "a") == "c")
  }

  @Test mutating func `an adoption while an archive is made`() {
    make("a", at: "here", beside: "")
    let found = recognize(at: "there", having: "a")
    #expect(known.confirms(found, at: "there"))
    adopt(at: "there", having: "a")
    #expect(!known.confirms(found, at: "there"))
    #expect(!known.hasForgotten(found, at: "there"))
    #expect(known.confirms(recognize(at: "here", having: "a"), at: "here"))
  }

  @Test mutating func `an archive that is made in what is forgotten meanwhile`() {
    make("a", at: "here", beside: "")
    let found = recognize(at: "here", having: "a")
    adopt(at: "there", having: "a", isOnly: true)
    #expect(!known.confirms(found, at: "here"))
    #expect(known.hasForgotten(found, at: "here"))
    known.add("b", at: "here", to: found, generation: 1)
    #expect(missing(at: "there", having: "a") == "")
    #expect(missing(at: "here", having: "a") == "b")
  }

  @Test mutating func `of too many copies the one that was used first is forgotten`() {
    make("a", at: "here", beside: "")
    for number in 1...15 { adopt(at: "\(number)", having: "a") }
    make("b", at: "here", beside: "a")
    #expect(adopt(at: "16", having: "a").forgotten == ["1"])
    #expect(missing(at: "here", having: "a") == "b")
    #expect(missing(at: "1", having: "") == "", "and nothing is expected of it")
    #expect(missing(at: "2", having: "") == "a")
    #expect(missing(at: "new", having: "") != "")
    // From its next archive on.
    make("c", at: "1", beside: "a")
    #expect(missing(at: "1", having: "a") == "c")
  }

  @Test mutating func `what is no more is forgotten when that is said`() {
    make("a", at: "here", beside: "")
    make("b", at: "here", beside: "a")
    adopt(at: "here", having: "a", isOnly: true)
    #expect(known.copies.map { $0.made.map(\.id) } == [["a"]])
    #expect(missing(at: "here", having: "b") == "a")
  }

  @Test mutating func `adopting again changes nothing`() {
    make("a", at: "here", beside: "")
    adopt(at: "here", having: "a")
    adopt(at: "there", having: "a")
    let copies = known.copies
    #expect(copies.count == 3)
    #expect(adopt(at: "there", having: "a").turns == 0)
    #expect(known.copies == copies)
  }

  @Test mutating func `what an owner has removed is forgotten with the next archive`() {
    make("a", at: "here", beside: "")
    make("b", at: "here", beside: "a")
    let found = recognize(at: "here", having: "b", removed: ["a"])
    #expect(found.missing.isEmpty)
    known.add("c", at: "here", to: found, generation: 1)
    #expect(known.copies[0].made.map(\.id) == ["b", "c"])
  }

  @Test mutating func `what is remembered has its limits`() {
    for number in 0..<1010 { known.add("\(number)", at: "\(number)", to: .init(), generation: 1) }
    for number in 0..<50 { known.add(checkpoint: "\(number)") }
    for number in 0..<50 { known.note("/\(number)", as: "\(number)") }
    for number in 0..<20 {
      let found = known.recognize(at: "new \(number)", vanished: [], removed: [])
      _ = known.adopt(
        at: "new \(number)", found: found, absent: [], generation: 1, isOnly: false)
    }
    let all = Set(known.copies.flatMap(\.made).map(\.id))
    for number in 0..<70 {
      let found = RememberedRepository.Recognition(copy: .init(number: -1))
      _ = known.adopt(
        at: "empty \(number)", found: found, absent: all, generation: 1, isOnly: false)
    }
    #expect(known.checkpoints.count == 20)
    #expect(known.paths.count == 32)
    #expect(known.copies.count { !$0.made.isEmpty } == 16)
    #expect(known.copies.count == 64)
    #expect(known.copies.allSatisfy { $0.made.count <= 1000 && $0.places.count <= 32 })
  }

  @Test mutating func `it is read as it was written`() {
    known.suite = 1
    known.authority = "ab"
    known.seen = "p"
    known.note("/a b\n%0A%25", as: "p")
    known.add(checkpoint: "k")
    make("a", at: "here", beside: "")
    adopt(at: "there", having: "a")
    known.copies[1].generation = 3
    #expect(known.copies[1].adopted == "there")
    known.copies[1].made.append(.init(id: "c", place: "here", lacks: "b"))
    let read = RememberedRepository(decoding: known.encoded)
    #expect(read == known)
    #expect(read.path(of: "p") == "/a b\n%0A%25")
    #expect(read.copies == known.copies)
    known.copies.removeFirst()
    #expect(RememberedRepository(decoding: known.encoded).copies == known.copies)
  }

  @Test func `what an earlier version has written is understood`() {
    let old = "suite 2\nauthority ab\ngeneration 4\nmade x\nmade y\ncheckpoint z\n"
    let read = RememberedRepository(decoding: Array(old.utf8))
    #expect(read.suite == 2)
    #expect(read.checkpoints == ["z"])
    #expect(
      read.copies == [
        RememberedRepository.Copy(
          generation: 4, made: [.init(id: "x", place: nil), .init(id: "y", place: nil)])
      ])
    #expect(
      RememberedRepository(decoding: Array("nonsense\n\ncopy x\ncopy -1\n".utf8)).copies.count == 1)
  }
}
