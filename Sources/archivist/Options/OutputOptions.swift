import ArgumentParser

/// The output of `create`.
struct CreateOutputOptions: ParsableArguments {
  @Flag(help: "Print each item with its status.")
  var list = false

  @Option(
    help: ArgumentHelp("Print only items with one of these status letters.", valueName: "letters"))
  var filter: String?

  @Flag(name: [.long, .customShort("s")], help: "Print figures at the end.")
  var stats = false

  @Flag(help: "Print figures as JSON.")
  var json = false
}

/// The output of `extract`.
struct ExtractOutputOptions: ParsableArguments {
  @Flag(help: "Print each item.")
  var list = false
}
