import ArgumentParser
import ChunkStore

struct ProcessorBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cpu",
    abstract: "Measure what one processor core does of cutting, hashing, sealing, compressing.",
    discussion: """
      archivist benchmark cpu
      archivist benchmark cpu --json

      The best of three turns, on one core, with the code that backups use. What a backup of large \
      files could reach is the sum of the times of its steps, divided by the number of cores.
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions

  @Option(help: ArgumentHelp("Bytes to measure with, in MiB.", valueName: "MiB"))
  var size = 64

  @Flag(help: "Print as JSON.")
  var json = false

  func validate() throws {
    guard (1...1024).contains(size) else { throw ValidationError("--size is from 1 to 1024") }
  }

  func run() throws {
    let session = Session(global)
    var results: [JSON] = []
    try Speed.measure(size: size << 20) { result in
      if json {
        results.append(Self.json(result))
      } else {
        try session.output.write(Self.text(result) + "\n")
        try session.output.flush()
      }
    }
    if json { try session.output.write(JSON.object([("cpu", .array(results))]).lines() + [0x0a]) }
    try session.output.finish()
  }

  private static func json(_ result: Speed) -> JSON {
    var members: [(String, JSON)] = [
      ("name", .string(result.name)), ("seconds", .number(result.seconds)),
      ("bytes", .unsigned(UInt64(result.bytes))),
    ]
    if result.bytes > 0 {
      members.append(("bytes_per_second", .number(Double(result.bytes) / result.seconds)))
    }
    if let ratio = result.ratio { members.append(("ratio", .number(ratio))) }
    return .object(members)
  }

  private static func text(_ result: Speed) -> String {
    let name = result.name + String(repeating: " ", count: max(0, 36 - result.name.utf8.count))
    guard result.bytes > 0 else { return "\(name) \(HumanText.fixed(result.seconds, 3)) s" }
    let rate = HumanText.size(Int(Double(result.bytes) / result.seconds)) + "/s"
    let column = String(repeating: " ", count: max(0, 12 - rate.utf8.count)) + rate
    let ratio = result.ratio.map { "   to 1/\(HumanText.fixed($0, 2))" } ?? ""
    return "\(name) \(column)\(ratio)"
  }
}
