import ChunkStore
import Glibc

/// The values of the placeholders of an archive name: `{hostname}-{now:%Y-%m-%d}`.
///
///     {now} {utcnow}            2026-11-21T03:45:12; or a format of strftime: {now:%d.%m.%Y}
///     {unixtime}                seconds since 1970
///     {hostname} {fqdn} {reverse-fqdn}
///     {user} {pid} {uuid4}
///     {version} {archivist_version} {archivist_major} {archivist_minor} {archivist_patch}
///     {borgversion} {borgmajor} {borgminor} {borgpatch}
///     {hostname:.8} {pid:x}     any of them with a format, as Python has it
///     {{ }}                     the braces themselves
struct Placeholders {
  /// The moment of `{now}`.
  var now: Timestamp
  /// The short name of the machine.
  var hostname: [UInt8]
  /// The machine's full name; asked for only where it is used, since it may take a name server.
  var fullName: () -> [UInt8]
  /// Who runs the program.
  var user: [UInt8]
  /// The number of the process.
  var process: Int32
  /// The program's version.
  var version: [UInt8]

  /// Replaces the placeholders in `template`.
  func expand(_ template: [UInt8]) throws(PlaceholderError) -> [UInt8] {
    var result: [UInt8] = []
    var rest = template[...]
    while let byte = rest.popFirst() {
      switch byte {
      case Self.open where rest.first == Self.open, Self.close where rest.first == Self.close:
        result.append(byte)
        rest = rest.dropFirst()
      case Self.open:
        guard let end = rest.firstIndex(where: { $0 == Self.close || $0 == Self.open }),
          rest[end] == Self.close
        else { throw .unmatchedBrace(template) }
        result += try value(of: rest[..<end])
        rest = rest[(end + 1)...]
      case Self.close: throw .unmatchedBrace(template)
      default: result.append(byte)
      }
    }
    return result
  }

  /// Whether the placeholder `{name}` is in `template`.
  static func isUsed(_ name: String, in template: [UInt8]) -> Bool {
    var rest = template[...]
    while let byte = rest.popFirst() {
      guard byte == open else { continue }
      if rest.first == open {
        rest = rest.dropFirst()
      } else if rest.prefix(while: { $0 != close && $0 != UInt8(ascii: ":") })
        .elementsEqual(name.utf8)
      {
        return true
      }
    }
    return false
  }

  private func value(of field: ArraySlice<UInt8>) throws(PlaceholderError) -> [UInt8] {
    let name = Array(field.prefix { $0 != UInt8(ascii: ":") })
    let format = Array(field.dropFirst(name.count + 1))
    let text = String(decoding: name, as: UTF8.self)
    switch text {
    case "now": return try time(CivilTime(now, in: .local), format)
    case "utcnow": return try time(CivilTime(now, in: .utc), format)
    default: break
    }
    guard let value = plainValue(of: text) else { throw .unknown(name) }
    guard !format.isEmpty else { return value }
    var result: [UInt8] = []
    guard let layout = FormatLayout(format),
      Self.number(text, value).map({ layout.append(number: $0, to: &result) })
        ?? layout.append(text: value, to: &result)
    else { throw .invalidFormat(name, format) }
    return result
  }

  /// The value of a placeholder that is a number; `nil` if it is text.
  private static func number(_ name: String, _ value: [UInt8]) -> UInt64? {
    guard name == "pid" || name == "unixtime" else { return nil }
    return UInt64(String(decoding: value, as: UTF8.self))
  }

  private func plainValue(of name: String) -> [UInt8]? {
    switch name {
    case "hostname": hostname
    case "fqdn": fullName()
    case "reverse-fqdn":
      Array(
        fullName().split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
          .reversed().joined(separator: [UInt8(ascii: ".")]))
    case "user": user
    case "pid": Array(String(process).utf8)
    case "unixtime": Array(String(now.seconds).utf8)
    case "version", "archivist_version": version
    case "archivist_major": versionPart(0)
    case "archivist_minor": versionPart(1)
    case "archivist_patch": versionPart(2)
    case "borgversion": Array(CommandStyle.borgVersion.utf8)
    case "borgmajor": Self.borgVersion(1)
    case "borgminor": Self.borgVersion(2)
    case "borgpatch": Self.borgVersion(3)
    case "uuid4": Array(Self.uuid4().utf8)
    default: nil
    }
  }

  /// The first parts of the version of borg whose manners are known.
  private static func borgVersion(_ parts: Int) -> [UInt8] {
    Array(
      CommandStyle.borgVersion.split(separator: ".").prefix(parts).joined(separator: ".").utf8)
  }

  private func versionPart(_ place: Int) -> [UInt8] {
    let parts = version.split(separator: UInt8(ascii: "."))
    return place < parts.count ? Array(parts[place]) : []
  }

  private func time(_ time: CivilTime, _ format: [UInt8]) throws(PlaceholderError) -> [UInt8] {
    if format.isEmpty { return Array(TimeText.iso(time).utf8) }
    do throws(TimeText.FormatTooLong) {
      return try TimeText.format(format, time)
    } catch {
      throw .formatTooLong(format)
    }
  }

  /// A random UUID, as RFC 9562 lays it out.
  private static func uuid4() -> String {
    var generator = SystemRandomNumberGenerator()
    var bits = UInt128(generator.next()) << 64 | UInt128(generator.next())
    bits = bits & ~(0xF << 76) | 4 << 76
    bits = bits & ~(0x3 << 62) | 2 << 62
    let digits = String(bits, radix: 16)
    var text = String(repeating: "0", count: 32 - digits.count) + digits
    for place in [20, 16, 12, 8] {
      text.insert("-", at: text.index(text.startIndex, offsetBy: place))
    }
    return text
  }

  private static let open = UInt8(ascii: "{")
  private static let close = UInt8(ascii: "}")
}

/// A template whose placeholders cannot be replaced.
enum PlaceholderError: Error, Equatable, CustomStringConvertible {
  /// The name between the braces is none of ours.
  case unknown([UInt8])
  /// A format that does not fit the value, or is none.
  case invalidFormat([UInt8], [UInt8])
  /// The format makes an endless text.
  case formatTooLong([UInt8])
  /// A brace that opens nothing or closes nothing.
  case unmatchedBrace([UInt8])

  var description: String {
    func shown(_ bytes: [UInt8]) -> String { NameText.replacingInvalid(NameText.display(bytes)) }
    return switch self {
    case .unknown(let name): "unknown placeholder \"{\(shown(name))}\"; write {{ and }} for braces"
    case .invalidFormat(let name, let format):
      "the placeholder {\(shown(name))} does not take the format \"\(shown(format))\""
    case .formatTooLong(let format): "the time format \"\(shown(format))\" makes too long a text"
    case .unmatchedBrace(let template):
      "a brace without its counterpart in \"\(shown(template))\"; write {{ and }} for braces"
    }
  }
}

extension PlaceholderError {
  /// How a run ends because of it: a template that is wrong, or a name that is.
  var failure: ExitStatus.Failure {
    switch self {
    case .unknown(let name): name.isEmpty ? .template : .unknownPlaceholder
    case .invalidFormat: .template
    case .formatTooLong, .unmatchedBrace: .unknownPlaceholder
    }
  }
}

extension Placeholders {
  /// The placeholders of this machine, at `now`.
  ///
  /// The environment may name machine and user otherwise, with borg's variables or ours.
  static func system(now: Timestamp, version: String, environment: Environment) -> Placeholders {
    let name = hostName()
    let short = Array(name.prefix { $0 != UInt8(ascii: ".") })
    return Placeholders(
      now: now,
      hostname: environment.nonEmpty("ARCHIVIST_HOSTNAME", "BORG_HOSTNAME") ?? short,
      fullName: { canonicalName(of: name) },
      user: environment.nonEmpty("ARCHIVIST_USERNAME", "BORG_USERNAME") ?? userName(),
      process: getpid(),
      version: Array(version.utf8))
  }

  private static func hostName() -> [UInt8] {
    var name = utsname()
    guard unsafe uname(&name) == 0 else { return Array("localhost".utf8) }
    return unsafe withUnsafeBytes(of: &name.nodename) { unsafe Array($0.prefix { $0 != 0 }) }
  }

  /// The resolver's name for `name`; the name itself where it knows nothing.
  private static func canonicalName(of name: [UInt8]) -> [UInt8] {
    var hints = unsafe addrinfo()
    unsafe hints.ai_flags = AI_CANONNAME
    unsafe hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    let status = unsafe withCString(name) { unsafe getaddrinfo($0, nil, &hints, &found) }
    guard status == 0, let first = unsafe found else { return name }
    defer { unsafe freeaddrinfo(first) }
    return unsafe first.pointee.ai_canonname.map { unsafe bytes(of: $0) } ?? name
  }

  /// The user's name; the number where the machine has no name for it, as in a chroot.
  private static func userName() -> [UInt8] {
    let number = getuid()
    var entry = unsafe passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: 1 << 16)
    let status = unsafe getpwuid_r(number, &entry, &buffer, buffer.count, &found)
    guard status == 0, unsafe found != nil, let name = unsafe entry.pw_name else {
      return Array(String(number).utf8)
    }
    return unsafe bytes(of: name)
  }
}
