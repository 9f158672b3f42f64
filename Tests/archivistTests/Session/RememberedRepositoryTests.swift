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

  private mutating func adopt(at place: String, having archives: String, isOnly: Bool = false) {
    let found = recognize(at: place, having: archives)
    known.adopt(at: place, found: found, generation: 1, isOnly: isOnly)
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
    #expect(copies.count == 2)
    adopt(at: "there", having: "a")
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
    for number in 0..<1100 { known.add("\(number)", at: "\(number)", to: .init(), generation: 1) }
    for number in 0..<50 { known.add(checkpoint: "\(number)") }
    for number in 0..<50 { known.note("/\(number)", as: "\(number)") }
    for number in 0..<50 {
      known.adopt(at: "new \(number)", found: .init(), generation: 1, isOnly: false)
    }
    #expect(known.checkpoints.count == 20)
    #expect(known.paths.count == 32)
    #expect(known.copies.count == 16)
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
