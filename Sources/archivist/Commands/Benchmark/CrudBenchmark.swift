import ArgumentParser
import ChunkStore
import Glibc
import LinuxSystem

struct CrudBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "crud",
    abstract: "Measure whole backups and restores of made-up files.",
    discussion: """
      archivist benchmark crud /mnt/disk/scratch

      Makes files and an encrypted repository in a new directory in PATH, of about 1 GB each, and \
      removes them in the end. Each line is a command that was run:
      C  create, of files that are read
      U  create, of unchanged files
      R  extract --dry-run: everything is read and verified, and nothing written
      D  delete and compact
      Z  files of zeros, all of them the same: what reading, cutting and hashing cost
      R  files of random bytes, no two of them the same: everything that a backup consists of
      The contents are artificial, and not compressed: what real files would give differs.
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions

  @Argument(help: ArgumentHelp("A directory with some GB of room.", valueName: "path"))
  var path: BytesArgument

  @Flag(help: "Print as JSON.")
  var json = false

  @Option(help: ArgumentHelp("How many times smaller the files are in all.", valueName: "n"))
  var divisor = 1

  /// Files of one kind.
  private struct Sample {
    var name: String
    var count: Int
    var size: Int
    var isRandom: Bool

    /// borg's, in all sizes of files.
    static let all = ["Z", "R"].flatMap { kind in
      [("BIG", 10, 100_000_000), ("MEDIUM", 1000, 1_000_000), ("SMALL", 10_000, 10_000)].map {
        Sample(name: "\(kind)-\($0.0)", count: $0.1, size: $0.2, isRandom: kind == "R")
      }
    }
  }

  func validate() throws {
    guard (1...1000).contains(divisor) else { throw ValidationError("--divisor is from 1 to 1000") }
  }

  func run() throws {
    let session = Session(global)
    let directory = try makeDirectory()
    var results: [JSON] = []
    do {
      for var sample in Sample.all {
        // Of the large files each becomes smaller, of the others there are fewer.
        if sample.count > 10 {
          sample.count = max(1, sample.count / divisor)
        } else {
          sample.size /= divisor
        }
        try measure(sample, in: directory) { step, command, seconds in
          let total = Double(sample.count * sample.size)
          if json {
            results.append(
              .object([
                ("id", .string("\(step)-\(sample.name)")), ("command", .string(command)),
                ("count", .unsigned(UInt64(sample.count))),
                ("size", .unsigned(UInt64(sample.size))),
                ("random", .bool(sample.isRandom)), ("seconds", .number(seconds)),
              ]))
          } else {
            let id = "\(step)-\(sample.name)"
            let rate = HumanText.size(Int(total / max(seconds, 1e-9))) + "/s"
            try session.output.write(
              id + String(repeating: " ", count: max(0, 12 - id.utf8.count))
                + String(repeating: " ", count: max(0, 14 - rate.utf8.count))
                + "\(rate) (\(sample.count) * \(HumanText.size(sample.size)) "
                + "\(sample.isRandom ? "random" : "all-zero") files: "
                + "\(HumanText.fixed(seconds, 2)) s)\n")
            try session.output.flush()
          }
        }
      }
    } catch {
      try Self.remove([directory])
      throw error
    }
    try Self.remove([directory])
    if json { try session.output.write(JSON.object([("crud", .array(results))]).lines() + [0x0a]) }
    try session.output.finish()
  }

  private func makeDirectory() throws -> [UInt8] {
    let directory = path.bytes + Array("/archivist-benchmark-\(getpid())".utf8)
    guard unsafe withCString(directory, { unsafe mkdir($0, 0o700) }) == 0 else {
      throw CommandFailure("\(name: directory): \(ErrorNumber(errno))")
    }
    return directory
  }

  private func measure(
    _ sample: Sample, in directory: [UInt8], _ told: (String, String, Double) throws -> Void
  ) throws {
    let files = directory + Array("/files".utf8)
    let repository = directory + Array("/repository".utf8)
    try Self.remove([files, repository, directory + Array("/home".utf8)])
    guard unsafe withCString(files, { unsafe mkdir($0, 0o700) }) == 0 else {
      throw CommandFailure("\(name: files): \(ErrorNumber(errno))")
    }
    var random = SystemRandomNumberGenerator()
    var content = [UInt8](repeating: 0, count: sample.size)
    for number in 0..<sample.count {
      if sample.isRandom { Self.fill(&content, &random) }
      try Self.write(content, to: files + Array("/\(number)".utf8))
    }
    // Files written less than two seconds before a backup are read again by the next one.
    SystemClock.pause(2.5)
    func archivist(_ arguments: [String], _ last: [[UInt8]]) throws -> Double {
      let start = SystemClock.monotonicSeconds
      // The passphrase protects nothing; caches and memory of this repository go with it.
      try Self.run(
        [
          // The output of the commands is not the result.
          Array("sh".utf8), Array("-c".utf8), Array("exec \"$@\" >/dev/null".utf8),
          Array("sh".utf8), Array("env".utf8), Array("ARCHIVIST_PASSPHRASE=benchmark".utf8),
          Array("ARCHIVIST_BASE_DIR=".utf8) + directory + Array("/home".utf8),
          try Self.program(),
        ] + arguments.map { Array($0.utf8) } + last)
      return SystemClock.monotonicSeconds - start
    }
    func archive(_ name: String) -> [UInt8] { repository + Array("::\(name)".utf8) }
    _ = try archivist(["init", "--encryption", "aes256-gcm"], [repository])
    let create = ["create", "--compression", "none"]
    try told(
      "C", "create",
      try archivist(create + ["--files-cache", "disabled"], [archive("first"), files]))
    _ = try archivist(create, [archive("second"), files])
    try told("U", "create", try archivist(create, [archive("third"), files]))
    try told("R", "extract", try archivist(["extract", "--dry-run"], [archive("first")]))
    let names = ["first", "second", "third"].map { Array($0.utf8) }
    let deletion = try archivist(["delete"], [repository] + names)
    try told("D", "delete", deletion + (try archivist(["compact"], [repository])))
  }

  /// The file that this program was started from.
  private static func program() throws -> [UInt8] {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
    guard count > 0, count < buffer.count else {
      throw CommandFailure("/proc/self/exe: \(ErrorNumber(errno))")
    }
    return buffer.prefix(count).map { UInt8(bitPattern: $0) }
  }

  private static func remove(_ paths: [[UInt8]]) throws {
    try run(["rm", "-rf"].map { Array($0.utf8) } + paths)
  }

  private static func run(_ words: [[UInt8]]) throws {
    do throws(ChildProcess.Failure) {
      try ChildProcess.run(words)
    } catch {
      throw CommandFailure("\(name: words.last ?? []): \(error.description)")
    }
  }

  private static func write(_ content: [UInt8], to path: [UInt8]) throws {
    let file = unsafe withCString(path) {
      unsafe open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    }
    guard file >= 0 else { throw CommandFailure("\(name: path): \(ErrorNumber(errno))") }
    defer { close(file) }
    let code = writeAll(content, to: file)
    guard code == 0 else { throw CommandFailure("\(name: path): \(ErrorNumber(code))") }
  }

  private static func fill(_ bytes: inout [UInt8], _ random: inout SystemRandomNumberGenerator) {
    // A generator of its own: what the system gives would take longer than the backup.
    var state = random.next() | 1
    for index in bytes.indices {
      if index % 8 == 0 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
      }
      bytes[index] = UInt8(truncatingIfNeeded: state >> UInt64(index % 8 * 8))
    }
  }
}
