/// `ssh://[user@]host[:port]/path`, or `[user@]host:path`, as borg and scp have it.
///
/// A path that begins with `/./` is relative to the directory in which the server starts, one that
/// begins with `/~` to a home directory; so are `host:path` and `host:~/path`.
struct RemoteAddress: Equatable, Sendable {
  var user: String?
  /// Without the brackets of an IPv6 address.
  var host: String
  var port: UInt16?
  /// As the server is told it.
  var path: String

  /// Takes an address apart; `nil` if it is none.
  init?(_ text: String) {
    if text.hasPrefix("ssh://") {
      self.init(url: text.dropFirst("ssh://".count))
    } else {
      self.init(short: text)
    }
  }

  private init?(url text: Substring) {
    guard let slash = text.firstIndex(of: "/") else { return nil }
    var host = text[..<slash]
    var path = String(text[slash...])
    if path.hasPrefix("/./") {
      path.removeFirst(3)
    } else if path.hasPrefix("/~") {
      path.removeFirst()
    }
    let user = Self.takeUser(&host)
    var port: UInt16?
    let end = host.lastIndex(of: "]") ?? host.startIndex
    if let colon = host[end...].lastIndex(of: ":") {
      guard let number = UInt16(host[host.index(after: colon)...]), number > 0 else { return nil }
      port = number
      host = host[..<colon]
    }
    self.init(user: user, host: host, port: port, path: path)
  }

  private init?(short text: String) {
    // A slash in front of the first colon makes it a path of this machine.
    var rest = text[...]
    let user = Self.takeUser(&rest)
    let start = rest.hasPrefix("[") ? rest.firstIndex(of: "]") : rest.startIndex
    guard let start, let colon = rest[start...].firstIndex(of: ":") else { return nil }
    let host = rest[..<colon]
    guard !host.contains("/") else { return nil }
    self.init(
      user: user, host: host, port: nil, path: String(rest[rest.index(after: colon)...]))
  }

  private init?(user: String?, host: Substring, port: UInt16?, path: String) {
    var host = host
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    // A host that begins with a dash would be an option of ssh's.
    guard !host.isEmpty, !host.hasPrefix("-"), user?.hasPrefix("-") != true, user != "",
      !path.isEmpty, path != "/"
    else { return nil }
    self.user = user
    self.host = String(host)
    self.port = port
    self.path = path
  }

  private static func takeUser(_ host: inout Substring) -> String? {
    let end = host.firstIndex(of: "/") ?? host.endIndex
    guard let at = host[..<end].lastIndex(of: "@") else { return nil }
    defer { host = host[host.index(after: at)...] }
    return String(host[..<at])
  }

  /// The address in its long form.
  var url: String {
    var text = "ssh://"
    if let user { text += user + "@" }
    text += host.contains(":") ? "[\(host)]" : host
    if let port { text += ":\(port)" }
    return text + (path.hasPrefix("/") ? path : path.hasPrefix("~") ? "/" + path : "/./" + path)
  }
}
