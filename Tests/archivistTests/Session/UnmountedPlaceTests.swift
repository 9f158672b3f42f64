import Testing

@testable import archivist

@Suite struct UnmountedPlaceTests {
  private func judge(
    _ path: String, table: [String] = [], mounted: [String] = ["/"],
    empty: Set<String> = [], used: Set<String> = []
  ) -> UnmountedPlace.Reason? {
    UnmountedPlace(path: path, table: table, mounted: mounted) { directory in
      empty.contains(directory) ? .empty : used.contains(directory) ? .used : .missing
    }?.reason
  }

  @Test func `a disk of the table that is not mounted is missing`() {
    #expect(judge("/backup/repo", table: ["/", "/backup"]) == .listed("/backup"))
    #expect(judge("/backup", table: ["/", "/backup"]) == .listed("/backup"))
    #expect(
      judge("/a/b/repo", table: ["/a", "/a/b"], mounted: ["/", "/a"]) == .listed("/a/b"))
  }

  @Test func `one that is mounted is not`() {
    #expect(judge("/backup/repo", table: ["/backup"], mounted: ["/", "/backup"]) == nil)
    #expect(judge("/backups/repo", table: ["/backup"]) == nil)
    #expect(judge("/home/ann/repo", table: ["/", "/backup"]) == nil)
  }

  @Test func `where disks are mounted by custom, nothing may be`() {
    #expect(judge("/mnt/usb/repo", used: ["/mnt"]) == .customary("/mnt"))
    #expect(judge("/mnt/usb/repo", empty: ["/mnt/usb"], used: ["/mnt"]) == .customary("/mnt"))
    #expect(judge("/mnt/repo", empty: ["/mnt"]) == .customary("/mnt"))
    #expect(
      judge("/media/ann/disk/repo", used: ["/media", "/media/ann"]) == .customary("/media"))
    #expect(judge("/run/media/ann/disk/repo", used: ["/run/media"]) == .customary("/run/media"))
  }

  @Test func `a directory that is used there is one like others`() {
    #expect(judge("/mnt/data/repo", used: ["/mnt", "/mnt/data"]) == nil)
    #expect(judge("/mnt/usb/repo", mounted: ["/", "/mnt/usb"], used: ["/mnt", "/mnt/usb"]) == nil)
    #expect(judge("/srv/repo", used: ["/srv"]) == nil)
  }

  @Test func `the tables are read as Linux writes them`() {
    let table = """
      # /etc/fstab
      UUID=1  /          ext4  defaults 0 1
      UUID=2\t/my\\040disk\text4  noauto
      UUID=3  none       swap  sw
      broken
      """
    #expect(UnmountedPlace.directories(inTable: table) == ["/", "/my disk"])
  }
}
