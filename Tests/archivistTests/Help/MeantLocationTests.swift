import Testing

@testable import archivist

@Suite struct MeantLocationTests {
  private static let repositories: Set<String> = ["repo", "/backup/repo", "repo/segments/.."]

  private func meant(_ location: String, repository: String? = nil) -> String? {
    MeantLocation.archive(in: location, repository: repository) {
      Self.repositories.contains($0)
    }
  }

  @Test(arguments: [
    ("repo:monday", "repo::monday"), ("repo:@now", "repo::@now"), ("repo@now", "repo::@now"),
    ("repo/monday", "repo::monday"), ("repo:latest", "repo::@now"), ("repo/segments", "repo"),
    ("/backup/repo:web-1", "/backup/repo::web-1"), ("repo@10d", "repo::@10d"),
  ])
  func `one colon, an at sign or a slash is taken for two colons`(text: String, archive: String) {
    #expect(meant(text) == archive)
  }

  @Test(arguments: ["other:monday", "host:path", "repo:", ":", "@", "/", "", "repos", "a/b/c"])
  func `where no repository is in front of it, nothing is guessed`(text: String) {
    #expect(meant(text) == nil)
  }

  @Test func `the name of an archive alone means the repository of the variable`() {
    #expect(meant("monday", repository: "r") == "::monday")
    #expect(meant("latest", repository: "r") == "::@now")
    #expect(meant("a/monday", repository: "r") == nil)
  }

  @Test(arguments: [
    ("/backup/rep", "/backup/repo"), ("/bakcup/repo", "/backup/repo"),
    ("/mnt/usb/photo", "/mnt/usb/photos"), ("/elsewhere/photos", "/mnt/usb/photos"),
    ("ssh://storage/srv/bakup", "ssh://storage/srv/backup"),
  ])
  func `a slip in a path leads to a place that is known`(path: String, place: String) {
    let places = ["/backup/repo", "/mnt/usb/photos", "ssh://storage/srv/backup"]
    #expect(MeantLocation.place(near: path, among: places) == place)
  }

  @Test(arguments: ["/backup/music", "/srv/x", "/"])
  func `no other place is near`(path: String) {
    #expect(MeantLocation.place(near: path, among: ["/backup/repo", "/a/repo"]) == nil)
  }

  @Test func `of two that are as near, none is named`() {
    let places = ["/backup/repo1", "/backup/repo2"]
    #expect(MeantLocation.place(near: "/backup/repo", among: places) == nil)
  }
}

@Suite struct MeantLineTests {
  private static func bytes(_ words: [String]) -> [[UInt8]] { words.map { Array($0.utf8) } }

  @Test(arguments: [
    (["list", "repo", "@now"], "@now", "`archivist list repo::@now`"),
    (["list", "repo", "latest"], "latest", "`archivist list repo::@now`"),
    (["list", "--short", "repo", "a b"], "a b", "`archivist list --short 'repo::a b'`"),
    (["extract", "repo", "etc/fstab"], "etc/fstab", "`archivist extract repo::@now etc/fstab`"),
    (["extract", "repo::", "monday"], "monday", "`archivist extract repo::monday`"),
    (["list", "repo", "-v", "x"], "x", "`archivist list repo::x -v`"),
  ])
  func `the right line has the words of the person`(words: [String], next: String, line: String) {
    let repository = words.first { $0.hasPrefix("repo") } ?? ""
    let text = MeantLine.naming(
      archiveOf: Array(repository.utf8), next: Array(next.utf8),
      in: Self.bytes(["/usr/bin/archivist"] + words))
    #expect(String(decoding: text.bytes, as: UTF8.self).contains("did you mean \(line)?"))
  }

  @Test func `without anything behind the repository, it is asked which archive`() {
    let line = Self.bytes(["archivist", "extract", "repo"])
    let text = MeantLine.naming(archiveOf: line[2], next: nil, in: line)
    #expect(text.bytes.starts(with: Array("which archive? repo::@now is the newest".utf8)))
  }

  @Test func `a new archive gets a name that is another one each time`() {
    let line = Self.bytes(["archivist", "create", "-x", "repo", "/etc"])
    let text = MeantLine.naming(newArchiveIn: line[3], in: line)
    #expect(
      String(decoding: text.bytes, as: UTF8.self)
        .hasSuffix("`archivist create -x 'repo::{now}' /etc`"))
  }
}
