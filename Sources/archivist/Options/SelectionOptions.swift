import ArgumentParser
import Synchronization

/// Which paths are meant, by patterns.
///
/// As borg does, and other than its manual says, all four options count in the order in which
/// they stand on the command line.
struct SelectionOptions: ParsableArguments {
  @Option(
    name: [.long, .customShort("e", allowingJoined: true)], parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Leave out what matches this pattern (fm: by default).", valueName: "pattern"))
  var exclude: [PlacedArgument] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Leave out what matches a pattern in this file.", valueName: "file"))
  var excludeFrom: [PlacedArgument] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Add a rule: '+ PATTERN', '- PATTERN', '! PATTERN' or 'R PATH' (sh: by default).",
      valueName: "rule"))
  var pattern: [PlacedArgument] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Add the rules in this file, one in each line.", valueName: "file"))
  var patternsFrom: [PlacedArgument] = []

  /// Reads the patterns and the files that hold some.
  func rules() throws -> SelectionRules {
    var rules = SelectionRules()
    let all =
      exclude.map { ($0, Kind.exclude) } + excludeFrom.map { ($0, .excludeFrom) }
      + pattern.map { ($0, .pattern) } + patternsFrom.map { ($0, .patternsFrom) }
    for (argument, kind) in all.sorted(by: { $0.0.place < $1.0.place }) {
      do {
        switch kind {
        case .exclude: try rules.exclude(argument.bytes)
        case .pattern: try rules.add(rule: argument.bytes)
        case .excludeFrom: try rules.exclude(linesOf: try Self.file(argument.bytes, kind))
        case .patternsFrom: try rules.add(rulesOf: try Self.file(argument.bytes, kind))
        }
      } catch let error as PatternError {
        throw CommandFailure("\(kind.rawValue) \(name: argument.bytes): \(error)")
      } catch let error as PatternFile.LineError {
        throw CommandFailure("\(name: argument.bytes): \(error)")
      }
    }
    return rules
  }

  private enum Kind: String {
    case exclude = "--exclude"
    case excludeFrom = "--exclude-from"
    case pattern = "--pattern"
    case patternsFrom = "--patterns-from"
  }

  private static func file(_ path: [UInt8], _ kind: Kind) throws -> [UInt8] {
    guard let bytes = try PrivateFile.read(path) else {
      throw CommandFailure("\(kind.rawValue) \(name: path): there is no such file")
    }
    return bytes
  }
}

/// The value of an option that has its place among others on the command line.
///
/// The parser keeps the values of each option apart, but reads them from left to right.
struct PlacedArgument: ExpressibleByArgument, Sendable {
  /// The value as it was given to the program.
  let bytes: [UInt8]
  /// Greater than that of everything further left.
  let place: Int

  private static let count = Atomic(0)

  init(argument: String) {
    bytes = ArgumentBytes.decode(argument)
    place = Self.count.add(1, ordering: .relaxed).newValue
  }

  var defaultValueDescription: String { BytesArgument(bytes).defaultValueDescription }
}
