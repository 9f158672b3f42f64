import ChunkStore
import StoreCrypto

/// Items as `list REPOSITORY::ARCHIVE` prints them: by a format, or as borg's JSON.
struct ItemFormat {
  /// borg's format for people.
  static let standard = "{mode} {user:6} {group:6} {size:8} {mtime} {path}{extra}{NL}"
  /// Only the paths.
  static let short = "{path}{NL}"

  /// The fields, in groups of what belongs together.
  static let keys: [[String]] = [
    ["type", "mode", "uid", "gid", "user", "group"],
    ["path", "bpath", "source", "linktarget", "extra", "flags"],
    ["size", "csize", "dsize", "dcsize", "num_chunks", "unique_chunks"],
    ["mtime", "ctime", "atime", "isomtime", "isoctime", "isoatime"],
    MessageDigest.Algorithm.allCases.map(\.rawValue) + ["xxh64"],
    ["archiveid", "archivename", "health"],
  ]

  /// Fields for which all archives have to be looked at.
  private static let ownKeys: Set = ["dsize", "dcsize", "unique_chunks"]

  private let template: FormatTemplate
  /// The parts of the template, in a form for the usual ones.
  private let steps: [Step]
  /// Most items have the mode, the owner and the time of the one before.
  private var lastMode: (mode: UInt32, text: [UInt8]) = (0, Array(HumanText.mode(0).utf8))
  private var lastUser = ShownName()
  private var lastGroup = ShownName()
  private var lastTime: (seconds: Int64, text: [UInt8])?
  private let archive: Archive
  private let contents: ItemContents
  /// The form of names.
  private let names: NameText.Form

  /// Understands a format.
  ///
  /// - Parameters:
  ///   - format: With fields in braces.
  ///   - archive: Whose items are printed.
  ///   - repository: Where it is.
  ///   - names: The form of names.
  ///   - passesUnknown: Fields that there are not are left out, as borg does it in JSON.
  ///   - problem: Told of what cannot be had of the other archives.
  /// - Throws: `FormatTemplateError`, and errors of libcrypto and of the repository.
  init(
    _ format: [UInt8], archive: Archive, repository: Repository, names: NameText.Form,
    passesUnknown: Bool = false, problem: (any Error) -> Void = { _ in }
  ) throws {
    template = try FormatTemplate(
      format, keys: Array(Self.keys.joined()), passesUnknown: passesUnknown)
    steps = template.parts.map(Step.init)
    self.archive = archive
    self.names = names
    contents = try ItemContents(
      repository, algorithms: template.keys.compactMap(MessageDigest.Algorithm.init(rawValue:)),
      hash: template.keys.contains("xxh64"),
      shared: template.keys.contains(where: Self.ownKeys.contains)
        ? SharedChunks(repository, problem: problem) : nil)
  }

  /// Appends an item to `result`, as the format has it.
  mutating func append(_ item: Item, to result: inout [UInt8]) throws {
    let digests = try contents.digests(of: item)
    if item.mode != lastMode.mode {
      lastMode = (item.mode, Array(HumanText.mode(item.mode).utf8))
    }
    lastUser.change(to: item.user, names)
    lastGroup.change(to: item.group, names)
    for place in steps.indices where !appendAtOnce(steps[place], item, to: &result) {
      switch template.parts[place] {
      case .literal(let bytes): result += bytes
      case .field(let wanted):
        try value(wanted.name, item, digests).append(to: &result, wanted)
      }
    }
  }

  /// A name, and the form that it is shown in.
  private struct ShownName {
    private var name: [UInt8] = []
    private(set) var text: [UInt8] = []

    mutating func change(to name: [UInt8], _ form: NameText.Form) {
      guard name != self.name else { return }
      self.name = name
      text = NameText.shown(name, form)
    }
  }

  /// A part of the template, for the shortest way.
  private struct Step: BitwiseCopyable {
    /// `nil` for text, and for digests.
    var field: Field?
    /// Text of a single byte.
    var byte: UInt8?
    var layout: FormatLayout?
    /// Whether nothing says how a time is to be shown.
    var isPlain = true

    init(_ part: FormatTemplate.Part) {
      switch part {
      case .literal(let bytes): byte = bytes.count == 1 ? bytes.first : nil
      case .field(let wanted):
        field = Field(rawValue: wanted.name)
        layout = wanted.layout
        isPlain = wanted.spec.isEmpty
      }
    }
  }

  /// Appends what needs no value to be made first; `false` if it is something else.
  private mutating func appendAtOnce(_ step: Step, _ item: Item, to result: inout [UInt8]) -> Bool {
    guard let field = step.field else {
      guard let byte = step.byte else { return false }
      result.append(byte)
      return true
    }
    if case .mtime = field, step.isPlain {
      if let lastTime, lastTime.seconds == item.mtime.seconds {
        result += lastTime.text
        return true
      }
      let start = result.count
      TimeText.append(list: CivilTime(item.mtime, in: .local, isNamed: false), to: &result)
      lastTime = (item.mtime.seconds, Array(result[start...]))
      return true
    }
    guard let layout = step.layout else { return false }
    switch field {
    case .mode where item.hardLinkGroup == nil:
      return layout.append(text: lastMode.text, to: &result)
    case .user where !item.user.isEmpty:
      return layout.append(text: lastUser.text, to: &result)
    case .group where !item.group.isEmpty:
      return layout.append(text: lastGroup.text, to: &result)
    case .size where item.linkTarget == nil:
      return layout.append(number: item.content?.size ?? 0, to: &result)
    case .path where !item.path.bytes.isEmpty:
      return layout.append(text: shown(item.path.bytes), to: &result)
    case .extra where item.linkTarget == nil && item.hardLinkGroup == nil:
      return layout.append(text: [], to: &result)
    default: return false
    }
  }

  /// An item as borg's JSON has it, with what the format asks for in addition.
  func json(_ item: Item) throws -> JSON {
    let digests = try contents.digests(of: item)
    var members: [(String, JSON)] = []
    let used = template.keys
    for key in ["archiveid", "archivename"] where used.contains(key) {
      members += try value(key, item, digests).json(key)
    }
    for key in ["type", "mode", "user", "group", "uid", "gid"] {
      members += try value(key, item, digests).json(key)
    }
    members += JSON.members("path", Self.path(item))
    members.append(("healthy", .bool(try contents.isHealthy(item))))
    for key in ["source", "linktarget"] { members += JSON.members(key, Self.source(item)) }
    members += try value("flags", item, digests).json("flags")
    var known = Set(members.map(\.0))
    // Those that cost something to find out are there only if the format has them, as with borg.
    for key in used where Self.isComputed(key) && known.insert(key).inserted {
      members += try value(key, item, digests).json(key)
    }
    return .object(members)
  }

  private static func isComputed(_ key: String) -> Bool {
    keys[2].contains(key) || keys[3].contains(key) || keys[4].contains(key)
  }

  // MARK: Values

  private enum Field: String {
    case type, mode, uid, gid, user, group
    case path, bpath, source, linktarget, extra, flags
    case size, csize, dsize, dcsize
    case uniqueCount = "unique_chunks"
    case chunkCount = "num_chunks"
    case mtime, ctime, atime, isomtime, isoctime, isoatime
    case archiveid, archivename, health
  }

  private func value(
    _ key: String, _ item: Item, _ digests: [String: String]
  ) throws -> FormatValue {
    guard let field = Field(rawValue: key) else { return .text(Array((digests[key] ?? "").utf8)) }
    return try value(field, item)
  }

  private func value(_ field: Field, _ item: Item) throws -> FormatValue {
    func text(_ text: some StringProtocol) -> FormatValue { .text(Array(text.utf8)) }
    func time(_ moment: Timestamp?) -> Timestamp { moment ?? item.mtime }
    func iso(_ moment: Timestamp?) -> FormatValue {
      text(TimeText.json(CivilTime(time(moment), in: .local)))
    }
    switch field {
    case .type: return .text(Array(mode(item).prefix(1)))
    case .mode: return .text(shownMode(item))
    case .uid: return .number(UInt64(item.uid))
    case .gid: return .number(UInt64(item.gid))
    case .user: return owner(item.user, item.uid)
    case .group: return owner(item.group, item.gid)
    case .path: return .text(shown(Self.path(item)))
    case .bpath: return .text(Self.path(item))
    case .source, .linktarget: return .text(shown(Self.source(item)))
    case .extra: return .text(extra(item))
    case .flags: return .number(item.flags.bsdNumber)
    case .size: return .number(item.content?.size ?? UInt64(item.linkTarget?.count ?? 0))
    case .csize: return .number(try contents.compressedSize(of: item))
    case .dsize: return .number(try contents.own(of: item).size)
    case .dcsize: return .number(try contents.own(of: item).compressedSize)
    case .uniqueCount: return .number(try contents.own(of: item).chunks)
    case .chunkCount: return .number(item.content?.chunks.count ?? 0)
    case .mtime: return .time(item.mtime)
    case .ctime: return .time(time(item.ctime))
    case .atime: return .time(time(item.atime))
    case .isomtime: return iso(item.mtime)
    case .isoctime: return iso(item.ctime)
    case .isoatime: return iso(item.atime)
    case .archiveid: return text(archive.id.hex)
    case .archivename: return .text(shown(Array(archive.name.utf8)))
    case .health: return text(try contents.isHealthy(item) ? "healthy" : "broken")
    }
  }

  private func shown(_ name: [UInt8]) -> [UInt8] {
    NameText.shown(name, names)
  }

  /// The path; `.` for the root.
  static func path(_ item: Item) -> [UInt8] {
    item.path.bytes.isEmpty ? [UInt8(ascii: ".")] : item.path.bytes
  }

  /// The target of a link; for the later members of a group of hard links, the first one.
  private static func source(_ item: Item) -> [UInt8] {
    item.linkTarget ?? (isLaterLink(item) ? item.hardLinkGroup?.bytes : nil) ?? []
  }

  private func extra(_ item: Item) -> [UInt8] {
    let source = shown(Self.source(item))
    if source.isEmpty { return [] }
    return Array((item.kind == .symbolicLink ? " -> " : " link to ").utf8) + source
  }

  /// borg shows the later members of a group of hard links with an `h`.
  private func shownMode(_ item: Item) -> [UInt8] {
    let mode = mode(item)
    guard Self.isLaterLink(item), item.kind == .regular else { return mode }
    return [UInt8(ascii: "h")] + mode.dropFirst()
  }

  private func mode(_ item: Item) -> [UInt8] {
    item.mode == lastMode.mode ? lastMode.text : Array(HumanText.mode(item.mode).utf8)
  }

  private static func isLaterLink(_ item: Item) -> Bool {
    item.hardLinkGroup.map { $0 != item.path } ?? false
  }

  private func owner(_ name: [UInt8], _ id: UInt32) -> FormatValue {
    name.isEmpty ? .number(UInt64(id)) : .text(shown(name))
  }
}
