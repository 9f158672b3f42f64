/// The numbers that the shell gets; made of the program's own table.
enum ExitCodesHelp {
  static let text = """
    As with borg:

      0        success
      1        success, with warnings: a file could not be read, say
      2        failure
      128+N    ended by signal N

    With --exit-codes modern, or ARCHIVIST_EXIT_CODES=modern, each cause has a
    number of its own, and a name under which --log-json has it as msgid:

    \(codes)
    """

  private static var codes: String {
    var lines: [String] = []
    for failure in ExitStatus.Failure.allCases {
      lines.append(line(failure.rawValue, failure.messageID))
    }
    // Damage has one number, whether it kept the work from being finished or not.
    for warning in ExitStatus.Warning.allCases
    where ExitStatus.Failure(rawValue: warning.rawValue) == nil {
      lines.append(line(warning.rawValue, warning.messageID ?? "several or other warnings"))
    }
    return lines.joined(separator: "\n")
  }

  private static func line(_ code: Int32, _ name: String) -> String {
    let number = String(code)
    return "  " + number + String(repeating: " ", count: 9 - number.utf8.count) + name
  }
}
