import ArgumentParser

/// The options of every command.
struct GlobalOptions: ParsableArguments {
  @Flag(
    name: [.customLong("info"), .customLong("verbose"), .customShort("v")],
    help: "Say what is being done.")
  var info = false

  @Flag(help: "Say much more, for finding faults.")
  var debug = false

  @Flag(name: [.long, .customShort("q")], help: "Say nothing but errors.")
  var quiet = false

  @Flag(help: "Write messages as JSON, one object per line.")
  var logJson = false

  @Flag(help: "Show sizes in powers of 1024: KiB, MiB, GiB.")
  var iec = false

  @Option(help: "Exit codes: classic (0, 1, 2) or modern (one for each cause).")
  var exitCodes: ExitStatus.Style?

  @Flag(
    name: [.long, .customShort("p")],
    help: "Show progress, also where standard error is not a terminal.")
  var progress = false

  @Option(
    help: ArgumentHelp(
      "Let `compact` wait so long for what is still needed; nothing else ever waits.",
      valueName: "seconds"))
  var lockWait: Double?

  @Option(
    help: ArgumentHelp(
      "Reach other machines with this command instead of ssh.", valueName: "command"))
  var rsh: String?

  @Option(
    help: ArgumentHelp("Where archivist is on the other machine.", valueName: "path"))
  var remotePath: String?

  @Option(
    help: ArgumentHelp("Limit uploads to the server to this many KiB/s.", valueName: "rate"))
  var uploadRatelimit: Int?

  @Option(
    help: ArgumentHelp(
      "Limit downloads from the server to this many KiB/s.", valueName: "rate"))
  var downloadRatelimit: Int?

  func validate() throws {
    if let lockWait, !lockWait.isFinite || lockWait < 0 {
      throw ValidationError("--lock-wait \(lockWait): the seconds are a number from 0 on")
    }
    for (option, rate) in [
      ("--upload-ratelimit", uploadRatelimit), ("--download-ratelimit", downloadRatelimit),
    ] {
      guard let rate, rate < 0 else { continue }
      throw ValidationError("\(option) \(rate): a rate is a number of KiB/s, or 0 for no limit")
    }
  }

  /// Options that may stand in front of the command as well, as with borg.
  static let flags: Set<String> = [
    "--info", "--verbose", "-v", "--debug", "--quiet", "-q", "--log-json", "--progress", "-p",
    "--iec",
  ]
  static let options: Set<String> = [
    "--exit-codes", "--lock-wait", "--rsh", "--remote-path", "--upload-ratelimit",
    "--download-ratelimit",
  ]

  /// The arguments, with global options moved from before the command to behind it.
  static func reordered(_ arguments: [String]) -> [String] {
    var front: [String] = []
    var rest = arguments[...]
    while let first = rest.first {
      if flags.contains(first) {
        front.append(first)
        rest.removeFirst()
      } else if options.contains(first), rest.count > 1 {
        front += rest.prefix(2)
        rest.removeFirst(2)
      } else {
        break
      }
    }
    guard let command = rest.popFirst() else { return arguments }
    // Behind `key list` and the like, wherever options may stand: right behind the command words.
    var words = [command]
    if command == "key", let sub = rest.popFirst() { words.append(sub) }
    return words + front + rest
  }
}
