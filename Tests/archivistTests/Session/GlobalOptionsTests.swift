import ArgumentParser
import Testing

@testable import archivist

@Suite struct `Options of every command` {
  @Test(arguments: [
    "--lock-wait=nan", "--lock-wait=inf", "--lock-wait=-1", "--lock-wait=-0.5",
    "--upload-ratelimit=-1", "--download-ratelimit=-1",
  ])
  func `have no numbers that mean nothing`(option: String) {
    #expect(throws: (any Error).self) { try GlobalOptions.parse([option]) }
    #expect(throws: (any Error).self) { try Archivist.parseAsRoot(["list", option, "r"]) }
  }

  @Test(arguments: [
    "--lock-wait=0", "--lock-wait=0.5", "--lock-wait=1e9", "--upload-ratelimit=0",
    "--download-ratelimit=9223372036854775807",
  ])
  func `have all others`(option: String) throws {
    _ = try GlobalOptions.parse([option])
  }
}
