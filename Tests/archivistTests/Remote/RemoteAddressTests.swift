import Testing

@testable import archivist

@Suite struct RemoteAddressTests {
  struct Example: Sendable, CustomStringConvertible {
    var text: String
    var user: String?
    var host: String
    var port: UInt16?
    var path: String
    var url: String

    var description: String { text }
  }

  static let examples = [
    Example(
      text: "ssh://host/srv/repo", host: "host", path: "/srv/repo", url: "ssh://host/srv/repo"),
    Example(
      text: "ssh://me@host:2222/srv/repo", user: "me", host: "host", port: 2222,
      path: "/srv/repo", url: "ssh://me@host:2222/srv/repo"),
    Example(text: "ssh://host/./repo", host: "host", path: "repo", url: "ssh://host/./repo"),
    Example(text: "ssh://host/~/repo", host: "host", path: "~/repo", url: "ssh://host/~/repo"),
    Example(
      text: "ssh://host/~me/repo", host: "host", path: "~me/repo", url: "ssh://host/~me/repo"),
    Example(
      text: "ssh://me@[fe80::1]:22/r", user: "me", host: "fe80::1", port: 22, path: "/r",
      url: "ssh://me@[fe80::1]:22/r"),
    Example(text: "ssh://[::1]/r", host: "::1", path: "/r", url: "ssh://[::1]/r"),
    Example(text: "host:repo", host: "host", path: "repo", url: "ssh://host/./repo"),
    Example(
      text: "me@host:/srv/repo", user: "me", host: "host", path: "/srv/repo",
      url: "ssh://me@host/srv/repo"),
    Example(text: "host:~/repo", host: "host", path: "~/repo", url: "ssh://host/~/repo"),
    Example(text: "[::1]:repo", host: "::1", path: "repo", url: "ssh://[::1]/./repo"),
    Example(
      text: "a@b@host:r", user: "a@b", host: "host", path: "r", url: "ssh://a@b@host/./r"),
  ]

  @Test(arguments: examples)
  func `is taken apart`(example: Example) throws {
    let address = try #require(RemoteAddress(example.text))
    #expect(address.user == example.user)
    #expect(address.host == example.host)
    #expect(address.port == example.port)
    #expect(address.path == example.path)
    #expect(address.url == example.url)
    #expect(RemoteAddress(address.url) == address)
  }

  @Test(arguments: [
    "ssh://", "ssh://host", "ssh://host/", "ssh:///repo", "ssh://@host/repo", "ssh://host:0/repo",
    "ssh://host:99999/repo", "ssh://host:x/repo", "ssh://-oProxyCommand=true/repo",
    "ssh://-l@host/repo", "-host:repo", ":repo", "host:", "[::1]", "a/b:c", "",
  ])
  func `is refused where it names no place`(text: String) {
    #expect(RemoteAddress(text) == nil)
  }

  @Test(arguments: [
    ("ssh://host/srv/repo::a:b", "ssh://host/srv/repo", "a:b"),
    ("host:repo::x", "ssh://host/./repo", "x"),
    ("ssh://[::1]/r::x", "ssh://[::1]/r", "x"),
    ("me@[::1]:r::x", "ssh://me@[::1]/./r", "x"),
    ("./host:repo::x", "./host:repo", "x"),
    ("file:///srv/repo::x", "/srv/repo", "x"),
  ])
  func `stands in front of an archive`(text: String, path: String, archive: String) throws {
    let argument = BytesArgument(argument: text)
    let location = try RepositoryLocation(
      argument, environment: Environment(value: { _ in nil }, remove: { _ in }))
    #expect(location.path == path)
    #expect(location.archive == Array(archive.utf8))
  }
}
