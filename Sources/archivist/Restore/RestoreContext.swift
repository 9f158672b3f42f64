import ChunkStore
import CLinux
import Glibc
import LinuxSystem

/// The metadata that a file got when it was made, and that need not be given to it.
struct Birth: Sendable {
  /// Whom it belongs to; `nil` if nobody has looked.
  let owner: FileOwner?
  /// Whether it may have got an ACL.
  let mayHaveACL: Bool

  /// Nobody has looked.
  static let unknown = Birth(owner: nil, mayHaveACL: true)
}

extension Birth {
  /// Judges what is made in a directory; and what the directory got itself, if this run has made
  /// it.
  init(in directory: OpenDirectory) {
    self.init(owner: directory.newcomers, mayHaveACL: directory.handsDownACL)
  }
}

/// Gives restored files their metadata.
///
/// The order matters:
///
/// 1. Owner: a change of owner takes setuid, setgid and capabilities away.
/// 2. Extended attributes, as long as we may still write to the file.
/// 3. An ACL that it has got from its directory goes: the permissions would open it.
/// 4. Permissions: now that the file has its owner, others may read it.
/// 5. ACLs, whose mask the permissions would overwrite.
/// 6. Times, which everything else would change.
/// 7. Flags, behind which nothing can be changed; that is another step, `applyFlags`.
struct RestoreContext: Sendable {
  let options: RestoreOptions
  let owners: OwnerNames
  /// Whether we may give files away.
  let isRoot: Bool

  /// The file or directory that gets the metadata.
  enum Subject {
    /// An open file or directory.
    case open(Int32)
    /// A file that is not opened itself, through a descriptor with `O_PATH`.
    case node(Int32)
  }

  /// Applies all metadata of an item but its flags.
  ///
  /// - Parameters:
  ///   - item: The item.
  ///   - subject: What was made of it.
  ///   - birth: What that has already.
  /// - Returns: What the system did not take.
  func apply(_ item: Item, to subject: Subject, _ birth: Birth = .unknown) -> [RestoreProblem] {
    var problems: [RestoreProblem] = []
    func attempt(_ aspect: RestoreProblem.Aspect, _ step: () throws(SystemError) -> Void) {
      do throws(SystemError) {
        try step()
      } catch {
        let error = error.at(item.path.bytes)
        problems.append(RestoreProblem(path: item.path, aspect: aspect, error: error))
      }
    }

    var hasOwner = false
    attempt(.owner) { () throws(SystemError) in
      hasOwner = try setOwner(of: item, subject, birth)
    }
    for attribute in item.extendedAttributes where !AccessControlList.isName(attribute.name) {
      guard options.restoresExtendedAttributes else { break }
      attempt(.attribute(attribute.name)) { () throws(SystemError) in
        try subject.set(attribute)
      }
    }
    if item.kind != .symbolicLink {
      if options.restoresACLs, birth.mayHaveACL {
        attempt(.attribute(AccessControlList.accessName)) { () throws(SystemError) in
          try subject.removeAttribute(AccessControlList.accessName)
        }
      }
      // A program that runs as its owner must not run as somebody else.
      let privileges: UInt32 = hasOwner ? 0 : item.permissions & 0o6000
      attempt(.permissions) { () throws(SystemError) in
        try subject.setPermissions(item.permissions & ~privileges)
        if privileges != 0 { throw SystemError("chmod", code: EPERM, path: []) }
      }
      if options.restoresACLs { restoreACLs(of: item, subject, birth, attempt) }
    }
    attempt(.times) { () throws(SystemError) in
      try subject.setTimes(access: item.atime ?? item.mtime, modification: item.mtime)
    }
    return problems
  }

  /// Sets owner and group.
  ///
  /// - Returns: Whether the file has both of them now. If we are not root, that it has not is no
  ///   error: whoever restores files of others as a user expects to own them.
  private func setOwner(
    of item: Item, _ subject: Subject, _ birth: Birth
  ) throws(SystemError) -> Bool {
    let (uid, gid) = owner(of: item)
    if birth.owner == FileOwner(uid: uid, gid: gid) { return true }
    do throws(SystemError) {
      try subject.setOwner(uid, gid)
      return true
    } catch {
      guard error.code == EPERM, !isRoot else { throw error }
      // A user may still give the file to a group that the user is in.
      do throws(SystemError) {
        try subject.setOwner(.max, gid)
      } catch {
        guard error.code == EPERM else { throw error }
      }
      return false
    }
  }

  /// Takes a directory of the archive that was there before from others who may exchange what is in
  /// it, and who may not do so when it is restored.
  ///
  /// It gets its owner and permissions when everything in it is there.
  func takeOver(_ directory: DirectoryHandle, _ item: Item) throws(SystemError) {
    let found = try directory.metadata()
    let wanted = owner(of: item)
    let isSame = found.permissions == item.permissions && found.gid == wanted.gid
    let isOpen = found.permissions & 0o022 != 0 && (!isSame || directory.hasAccessACL)
    guard found.uid != wanted.uid && found.uid != EffectiveUser.id || isOpen else { return }
    let subject = Subject.open(directory.number)
    do throws(SystemError) {
      if found.uid != EffectiveUser.id { try subject.setOwner(EffectiveUser.id, .max) }
      try subject.setPermissions(0o700)
    } catch {
      // Where there are no owners, nobody can be kept out.
      guard error.code == EPERM || error.code == EOPNOTSUPP else { throw error }
    }
  }

  /// Removes the ACLs that a directory has got from the one that it was made in.
  func removeACLs(of directory: DirectoryHandle) {
    guard options.restoresACLs else { return }
    for name in [AccessControlList.accessName, AccessControlList.defaultName] {
      do throws(SystemError) {
        try Subject.open(directory.number).removeAttribute(name)
      } catch {
        // Its permissions still keep everybody out.
      }
    }
  }

  /// Whether what is made in a directory, once it is restored, gets an ACL or a group from it.
  func handsDown(_ item: Item) -> Bool {
    item.permissions & 0o2000 != 0
      || item.extendedAttributes.contains { $0.name == AccessControlList.defaultName }
  }

  /// The numbers that an item's owners have here.
  private func owner(of item: Item) -> (uid: UInt32, gid: UInt32) {
    guard options.findsOwnersByName else { return (item.uid, item.gid) }
    return (userID(of: item), owners.groupID(named: item.group) ?? item.gid)
  }

  private func userID(of item: Item) -> UInt32 {
    guard options.findsOwnersByName else { return item.uid }
    return owners.userID(named: item.user) ?? item.uid
  }

  private func restoreACLs(
    of item: Item, _ subject: Subject, _ birth: Birth,
    _ attempt: (RestoreProblem.Aspect, () throws(SystemError) -> Void) -> Void
  ) {
    let isDirectory = item.kind == .directory
    let access = AccessControlList.accessName
    for name in isDirectory ? [access, AccessControlList.defaultName] : [access] {
      let attribute = item.extendedAttributes.first { $0.name == name }.map {
        translated($0, of: item)
      }
      attempt(.attribute(name)) { () throws(SystemError) in
        if let attribute {
          try subject.set(attribute)
        } else if birth.mayHaveACL, name != access {
          // It may have inherited one from the directory that it was made in.
          try subject.removeAttribute(name)
        }
      }
    }
  }

  /// An ACL with the numbers that the names in it have here.
  private func translated(
    _ attribute: Item.ExtendedAttribute, of item: Item
  ) -> Item.ExtendedAttribute {
    guard options.findsOwnersByName, var acl = AccessControlList(attribute.value) else {
      return attribute
    }
    acl.translate(item.aclNames, owners)
    return Item.ExtendedAttribute(name: attribute.name, value: acl.value)
  }
}

// MARK: - Flags, and what is there already

extension RestoreContext {
  /// Flags that keep a file from being changed.
  static let blockingFlags: InodeFlags = [.immutable, .appendOnly]
  /// Flags that count for what is written from now on.
  private static let earlyFlags: InodeFlags = [.noCopyOnWrite, .compressed, .notCompressed]

  /// Sets the flags of an open file or directory that has everything else.
  ///
  /// An item without flags leaves those that its directory has handed down.
  func applyFlags(_ item: Item, to number: Int32) -> [RestoreProblem] {
    guard options.restoresFlags, !item.flags.isEmpty else { return [] }
    do throws(SystemError) {
      try item.flags.set(on: number)
      return []
    } catch {
      return [RestoreProblem(path: item.path, aspect: .flags, error: error.at(item.path.bytes))]
    }
  }

  /// Sets those flags of a new file that have to be there before its content.
  func applyEarlyFlags(_ item: Item, to number: Int32) {
    let flags = item.flags.intersection(Self.earlyFlags)
    guard options.restoresFlags, !flags.isEmpty else { return }
    do throws(SystemError) {
      try flags.set(on: number)
    } catch {
      // Told at the end, when all flags are set.
    }
  }

  /// Takes the flags away that keep an open file or directory from being changed, and some others.
  func unlock(_ number: Int32, and others: InodeFlags = []) throws(SystemError) {
    guard options.restoresFlags else { return }
    let flags: InodeFlags
    do throws(SystemError) {
      flags = try InodeFlags(of: number)
    } catch {
      return  // A file system without flags.
    }
    let unwanted = Self.blockingFlags.union(others)
    if flags.isDisjoint(with: unwanted) { return }
    try flags.subtracting(unwanted).set(on: number)
  }

  /// Takes the flags away that keep the entry `name` from being replaced.
  func unlock(_ name: FileName, in directory: DirectoryHandle) throws(SystemError) {
    let found = try directory.metadata(of: name)
    // Opening anything else could block, or make a device act.
    guard !found.flags.isDisjoint(with: Self.blockingFlags),
      found.kind == .regular || found.kind == .directory
    else { return }
    let file = try FileDescriptor(
      opening: name, in: directory, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
    try unlock(file.number)
  }

  /// Applies all metadata of an item to what was there before, if it has not got it already.
  ///
  /// - Returns: What the system did not take.
  func correct(_ item: Item, _ number: Int32) -> [RestoreProblem] {
    let found = FileAttributes(number)
    if isRight(item, found) { return [] }
    do throws(SystemError) {
      try unlock(number)
    } catch {
      return [RestoreProblem(path: item.path, aspect: .flags, error: error.at(item.path.bytes))]
    }
    var problems = found.failures.map {
      RestoreProblem(path: item.path, aspect: .surplus, error: $0.at(item.path.bytes))
    }
    for attribute in found.attributes where isSurplus(attribute.name, item) {
      do throws(SystemError) {
        try Subject.open(number).removeAttribute(attribute.name)
      } catch {
        problems.append(
          RestoreProblem(
            path: item.path, aspect: .attribute(attribute.name), error: error.at(item.path.bytes)))
      }
    }
    return problems + apply(item, to: .open(number)) + applyFlags(item, to: number)
  }

  /// Says that nobody can have a file open for writing, or mapped, who may not write to it when it
  /// is restored.
  ///
  /// Whoever may write to a file when it is opened may do so for as long as it stays open, whatever
  /// becomes of its owner and permissions.
  func isNobodyElses(_ file: borrowing OpenedFile, _ item: Item) -> Bool {
    let found = file.metadata
    guard found.uid == (isRoot ? userID(of: item) : EffectiveUser.id) else { return false }
    // The bits of the group are the most that any entry of an ACL permits.
    if found.permissions & 0o022 == 0 { return true }
    let wanted = owner(of: item)
    let access = AccessControlList.accessName
    let acl = item.extendedAttributes.first { $0.name == access }.map { translated($0, of: item) }
    let attributes = FileAttributes(file.descriptor.number)
    return found.permissions == item.permissions && found.gid == wanted.gid
      && options.restoresACLs && attributes.failures.isEmpty
      && acl == attributes.attributes.first { $0.name == access }
  }

  /// The attributes of an open file or directory.
  private struct FileAttributes {
    let metadata: FileMetadata?
    let flags: InodeFlags
    let attributes: [Item.ExtendedAttribute]
    /// The failures to read attributes, which so may have to go.
    let failures: [SystemError]

    init(_ number: Int32) {
      let reading = AttributeReading(of: number)
      var metadata: FileMetadata?
      do throws(SystemError) {
        var found = try FileMetadata(descriptor: number)
        let failure = found.addInodeFlags(of: number)
        if failure == nil, reading.failures.isEmpty { metadata = found }
      } catch {
        // Equal to nothing, so that everything is set.
      }
      self.metadata = metadata
      flags = metadata?.flags ?? []
      attributes = reading.attributes
      failures = reading.failures
    }
  }

  /// Changes what is in a directory that is finished, and leaves its permissions and times as they
  /// are.
  ///
  /// - Parameters:
  ///   - directory: The directory.
  ///   - path: Its path.
  ///   - report: Learns why the directory could not be left as it was.
  ///   - change: What is done in it.
  /// - Throws: Why that could not be done.
  func keepingMetadata(
    of directory: DirectoryHandle, at path: ArchivePath, report: (RestoreProblem) -> Void,
    _ change: () throws(SystemError) -> Void
  ) throws(SystemError) {
    let before = try directory.metadata()
    let subject = Subject.open(directory.number)
    func attempt(
      _ aspect: RestoreProblem.Aspect, _ step: () throws(SystemError) -> Void
    ) -> SystemError? {
      do throws(SystemError) {
        try step()
        return nil
      } catch {
        report(RestoreProblem(path: path, aspect: aspect, error: error.at(path.bytes)))
        return error
      }
    }
    let flags = blockingFlags(of: directory.number)
    if flags != nil { try unlock(directory.number) }
    var failure = Self.failure(of: change)
    if failure?.code == EACCES, before.uid == EffectiveUser.id {
      let permissions = before.permissions
      if attempt(
        .permissions,
        { () throws(SystemError) in
          try subject.setPermissions(permissions | 0o700)
        }) == nil
      {
        failure = Self.failure(of: change)
        _ = attempt(.permissions) { () throws(SystemError) in
          try subject.setPermissions(permissions)
        }
      }
    }
    // Others may write to a directory that is not ours, and may not set its times.
    if isRoot || before.uid == EffectiveUser.id {
      _ = attempt(.times) { () throws(SystemError) in
        try subject.setTimes(access: before.atime, modification: before.mtime)
      }
    }
    if let flags {
      _ = attempt(.flags) { () throws(SystemError) in try flags.set(on: directory.number) }
    }
    if let failure { throw failure }
  }

  /// The flags of an open file or directory, if they keep it from being changed.
  private func blockingFlags(of number: Int32) -> InodeFlags? {
    guard options.restoresFlags else { return nil }
    do throws(SystemError) {
      let flags = try InodeFlags(of: number)
      return flags.isDisjoint(with: Self.blockingFlags) ? nil : flags
    } catch {
      return nil  // A file system without flags.
    }
  }

  private static func failure(of change: () throws(SystemError) -> Void) -> SystemError? {
    do throws(SystemError) {
      try change()
      return nil
    } catch {
      return error
    }
  }

  /// Says whether there is nothing to be changed.
  private func isRight(_ item: Item, _ found: FileAttributes) -> Bool {
    guard let metadata = found.metadata, metadata.mtime == item.mtime,
      item.atime == nil || item.atime == metadata.atime,
      metadata.permissions == item.permissions
    else { return false }
    if isRoot {
      let wanted = owner(of: item)
      guard metadata.uid == wanted.uid, metadata.gid == wanted.gid else { return false }
    }
    if options.restoresFlags,
      !item.flags.isEmpty || !found.flags.isDisjoint(with: Self.blockingFlags),
      found.flags != item.flags.intersection(.recorded)
    {
      return false
    }
    let wanted = item.extendedAttributes.filter { isRestored($0.name) }.map {
      AccessControlList.isName($0.name) ? translated($0, of: item) : $0
    }
    return found.attributes.filter { attribute in
      isSurplus(attribute.name, item) || wanted.contains { $0.name == attribute.name }
    } == wanted
  }

  private func isRestored(_ attribute: [UInt8]) -> Bool {
    AccessControlList.isName(attribute)
      ? options.restoresACLs : options.restoresExtendedAttributes
  }

  /// Whether an attribute that is there has to go; the system's own labels stay.
  private func isSurplus(_ attribute: [UInt8], _ item: Item) -> Bool {
    guard isRestored(attribute), !item.extendedAttributes.contains(where: { $0.name == attribute })
    else { return false }
    return AccessControlList.isName(attribute) || attribute == Array("security.capability".utf8)
      || attribute.starts(with: Array("user.".utf8))
      || attribute.starts(with: Array("trusted.".utf8))
  }
}

extension RestoreContext.Subject {
  fileprivate func setOwner(_ uid: UInt32, _ gid: UInt32) throws(SystemError) {
    let status =
      switch self {
      case .open(let number): fchown(number, uid, gid)
      case .node(let number):
        unsafe fchownat(number, [0], uid, gid, linux_AT_EMPTY_PATH)
      }
    guard status == 0 else { throw .last("chown", []) }
  }

  fileprivate func setPermissions(_ permissions: UInt32) throws(SystemError) {
    let status =
      switch self {
      case .open(let number): fchmod(number, permissions)
      case .node(let number): unsafe chmod(Self.procPath(number), permissions)
      }
    guard status == 0 else { throw .last("chmod", []) }
  }

  fileprivate func set(_ attribute: Item.ExtendedAttribute) throws(SystemError) {
    let name = try Self.terminated(attribute.name)
    let value = attribute.value
    let status =
      switch self {
      case .open(let number): unsafe fsetxattr(number, name, value, value.count, 0)
      case .node(let number):
        unsafe setxattr(Self.procPath(number), name, value, value.count, 0)
      }
    guard status == 0 else { throw .last("setxattr", []) }
  }

  /// Removes an attribute, if it is there.
  fileprivate func removeAttribute(_ attribute: [UInt8]) throws(SystemError) {
    let name = try Self.terminated(attribute)
    let status =
      switch self {
      case .open(let number): unsafe fremovexattr(number, name)
      case .node(let number): unsafe removexattr(Self.procPath(number), name)
      }
    guard status == 0 || errno == ENODATA || errno == EOPNOTSUPP else {
      throw .last("removexattr", [])
    }
  }

  fileprivate func setTimes(
    access: Timestamp, modification: Timestamp
  ) throws(SystemError) {
    let times = [try timespec(access), try timespec(modification)]
    let status =
      switch self {
      case .open(let number): unsafe futimens(number, times)
      case .node(let number): unsafe utimensat(number, [0], times, linux_AT_EMPTY_PATH)
      }
    if status != 0, errno == EINVAL, case .node(let number) = self {
      // Before Linux 5.8. Through /proc the path ends at the node, even if that is a link.
      guard unsafe utimensat(AT_FDCWD, Self.procPath(number), times, 0) == 0 else {
        throw .last("utimensat", [])
      }
      return
    }
    guard status == 0 else { throw .last("utimensat", []) }
  }

  /// A path to a file that was opened with `O_PATH`, for calls that take no such descriptor.
  private static func procPath(_ number: Int32) -> [CChar] {
    "/proc/self/fd/\(number)".utf8.map { CChar(bitPattern: $0) } + [0]
  }

  private static func terminated(_ name: [UInt8]) throws(SystemError) -> [CChar] {
    guard !name.contains(0) else { throw SystemError("setxattr", code: EINVAL, path: []) }
    return name.map { CChar(bitPattern: $0) } + [0]
  }
}

extension timespec {
  /// Takes a moment as it is: the special values that system calls know are none.
  fileprivate init(_ time: Timestamp) throws(SystemError) {
    guard time.nanoseconds < 1_000_000_000 else {
      throw SystemError("utimensat", code: EINVAL, path: [])
    }
    self.init(tv_sec: Int(time.seconds), tv_nsec: Int(time.nanoseconds))
  }
}
