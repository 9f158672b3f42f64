import ChunkStore
import Glibc

/// A question to which nothing but YES is agreement.
struct Question {
  /// The text; the answer is typed behind the last line.
  let lines: [Message]
  /// The variable that answers it: a name that follows `ARCHIVIST_` and `BORG_`.
  let variable: String

  /// The failure where it is answered with anything else.
  let refusal: CommandFailure
  /// The failure where there is nobody to ask.
  let unanswerable: CommandFailure

  /// Asks, unless a variable has the answer.
  ///
  /// In borg's style the question is shown in any case, and standard input is read whatever it is: programs
  /// answer there.
  ///
  /// - Throws: `refusal` or `unanswerable`.
  func demandAgreement(_ session: Session, mayAsk: Bool = true) throws(CommandFailure) {
    let report = session.report
    let (own, borgs) = ("ARCHIVIST_\(variable)", "BORG_\(variable)")
    let id = session.style == .borg ? borgs : own
    let answered = session.environment.first(of: [own, borgs])
    let answer = answered.flatMap { session.environment.text($0) }
    let isBorg = session.style == .borg
    if answer == nil, !isBorg, !mayAsk || isatty(STDIN_FILENO) == 0 { throw unanswerable }
    if answer == nil || isBorg { report.question("prompt", text, id: id) }
    if isBorg, let answer {
      report.question(
        "env_answer", "\(answer) (from \(answered ?? id))", id: id,
        members: [("env_var", .string(answered ?? id))])
    }
    switch answer ?? readLine() ?? "NO" {
    case "YES": return
    case "No", "NO", "no", "N", "n", "0":
      if isBorg { report.question("accepted_false", "Aborting.", id: id) }
    default:
      if isBorg { report.question("invalid_answer", "Invalid answer, aborting.", id: id) }
    }
    throw refusal
  }

  private var text: Message {
    var text: Message = ""
    for (number, line) in lines.enumerated() { text = number == 0 ? line : "\(text)\n\(line)" }
    return text + " "
  }
}
