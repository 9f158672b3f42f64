import ChunkStore
import Glibc
import LinuxSystem
import Testing

@testable import archivist

@Suite struct ExtendedAttributesTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test(arguments: AttributeRoute.routes)
  func `attributes come in the order of their names, ACLs among them`(by route: AttributeRoute)
    throws
  {
    try directory.shell(
      "touch f; setfattr -n user.b -v two f; setfattr -n user.a f; setfacl -m u:12:rw f")
    let found = directory.handle.extendedAttributes(
      of: try FileName("f"), kind: .regular, by: route)
    #expect(found.failures.isEmpty)
    #expect(
      found.attributes.map { text($0.name) } == ["system.posix_acl_access", "user.a", "user.b"])
    #expect(found.attributes.last?.value == bytes("two"))
    #expect(found.attributes.dropFirst().first?.value == [])
  }

  @Test func `every route works here`() {
    #expect(AttributeRoute.routes.contains(.proc))
    #expect(AttributeRoute.routes.last == .opening)
    #expect(AttributeRoute.routes.first == AttributeRoute.current)
  }

  @Test(arguments: AttributeRoute.routes)
  func `a value that fills more than the small buffer comes whole`(by route: AttributeRoute) throws
  {
    try directory.shell(
      "touch f; setfattr -n user.large -v $(head -c 3000 /dev/zero | tr '\\0' x) f")
    let found = directory.handle.extendedAttributes(
      of: try FileName("f"), kind: .regular, by: route)
    #expect(found.attributes.first?.value == [UInt8](repeating: UInt8(ascii: "x"), count: 3000))
  }

  @Test(arguments: AttributeRoute.routes.filter { $0 != .opening })
  func `the attributes of a symbolic link are its own`(by route: AttributeRoute) throws {
    try directory.shell(
      """
      touch f; setfattr -n trusted.where -v file f
      ln -s f l; setfattr -h -n trusted.where -v link l
      """)
    let found = directory.handle.extendedAttributes(
      of: try FileName("l"), kind: .symbolicLink, by: route)
    #expect(found.attributes.map(\.value) == [bytes("link")])
  }

  @Test func `a file without attributes has none, and a file system without them is no failure`()
    throws
  {
    try directory.shell("touch f")
    let none = directory.handle.extendedAttributes(of: try FileName("f"), kind: .regular)
    #expect(none.attributes.isEmpty && none.failures.isEmpty)
    let proc = try DirectoryHandle(path: bytes("/proc"))
    for route in AttributeRoute.routes {
      let version = proc.extendedAttributes(of: try FileName("version"), kind: .regular, by: route)
      #expect(version.attributes.isEmpty && version.failures.isEmpty)
    }
  }

  @Test func `a directory's own attributes and those of an open file are read`() throws {
    try directory.shell("touch f; setfattr -n user.f -v 1 f; setfattr -n user.d -v 2 .")
    #expect(directory.handle.extendedAttributes().attributes.map { text($0.name) } == ["user.d"])
    let file = try OpenedFile(FileName("f"), in: directory.handle)
    #expect(file.descriptor.extendedAttributes().attributes.map { text($0.name) } == ["user.f"])
  }

  @Test func `a vanished file is a failure`() throws {
    let found = directory.handle.extendedAttributes(of: try FileName("none"), kind: .regular)
    #expect(found.failures.map(\.code) == [ENOENT])
  }
}
