import Testing

@testable import ChunkStore

@Suite struct ListingProbeTests {
  private static let table = """
    22 27 0:21 / /proc rw,nosuid shared:5 - proc proc rw
    88 27 0:44 / /mnt/a rw,relatime shared:9 - nfs4 host:/a rw,vers=4.2,nocto,addr=10.0.0.1
    89 27 0:45 / /mnt/b rw,relatime shared:9 - nfs4 host:/b rw,vers=4.2,addr=10.0.0.1
    90 27 0:46 / /mnt/c rw,relatime shared:9 - nfs host:/c rw,vers=3,nocto,noac,addr=10.0.0.1
    91 27 0:47 / /mnt/nocto rw - nfs host:/nocto rw,acregmin=0,acdirmax=0,nocto
    """

  @Test(arguments: [(44, true), (45, false), (46, false), (47, false), (21, false), (4, false)])
  func `NFS is late where it was told to be, unless it remembers nothing`(
    minor: UInt32, isLate: Bool
  ) {
    #expect(ListingProbe.isWithoutCloseToOpen(Self.table, major: 0, minor: minor) == isLate)
    #expect(!ListingProbe.isWithoutCloseToOpen(Self.table, major: 8, minor: minor))
  }

  @Test(arguments: ["", "\n\n", "1 2", "1 2 0:44", "1 2 0:44 nocto"])
  func `a table that makes no sense says nothing`(table: String) {
    _ = ListingProbe.isWithoutCloseToOpen(table, major: 0, minor: 44)
  }

  @Test func `a local file system is taken as it is, and nothing is left on it`() throws {
    let directory = try TemporaryDirectory()
    try ListingProbe.demand(try LocalDirectory(path: directory.path), trying: "probe")
    #expect(try directory.names().isEmpty)
  }
}
