import Glibc
import StoreCrypto

/// Asks a command, such as a password manager's, for a passphrase.
enum PassphraseCommand {
  /// Runs `line` without a shell and takes what it writes, without the line ends at its end.
  static func run(_ line: [UInt8], variable: String) throws(PassphraseError) -> Secret {
    let words: [[UInt8]]
    do throws(ShellWords.Malformed) {
      words = try ShellWords.split(line)
    } catch {
      throw .commandMalformed(variable, error)
    }
    guard !words.isEmpty else { throw .commandEmpty(variable) }
    let answer: Result<Secret, SecretReader.Failure>
    do throws(ChildProcess.Failure) {
      let process = try ChildProcess(words)
      answer = Self.answer(process.output)
      // Before waiting: a command that still writes gets a broken pipe instead of blocking.
      close(process.output)
      try process.wait()
    } catch {
      switch error {
      case .notStarted(let error): throw .commandNotStarted(variable, error)
      case .failed(let status): throw .commandFailed(variable, status: status)
      case .killed(let signal): throw .commandKilled(variable, signal: signal)
      }
    }
    switch answer {
    case .success(let secret): return secret
    case .failure(.tooLong): throw .tooLong
    case .failure(.system(let error)): throw .unreadable(variable, error)
    }
  }

  private static func answer(_ output: Int32) -> Result<Secret, SecretReader.Failure> {
    do throws(SecretReader.Failure) {
      return .success(try SecretReader.readToEnd(output))
    } catch {
      return .failure(error)
    }
  }
}
