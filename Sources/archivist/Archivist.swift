import ArgumentParser
import ChunkStore
import CLinux
import Glibc
import Synchronization

/// The command line.
struct Archivist: ParsableCommand {
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "archivist",
    abstract: "Deduplicating, encrypted backups.",
    discussion: """
      archivist init /backup/repo
      archivist create /backup/repo::{now:%Y-%m-%d} /etc /home
      archivist list /backup/repo
      archivist extract /backup/repo::2026-11-21 etc/fstab
      """,
    version: "archivist \(version)",
    subcommands: [
      Init.self, Create.self, Extract.self, List.self, Info.self, Diff.self, Delete.self,
      Rename.self, Prune.self, Compact.self, Copy.self, Check.self, Key.self, BreakLock.self,
      WithLock.self, Adopt.self, Serve.self, Benchmark.self,
    ])
}

@main enum Main {
  static func main() {
    // Before any file is opened, and before there is another thread.
    StandardDescriptors.openMissing()
    SignalWatch.process.begin()
    // No core dump ever holds a key, and a write that fails is an error like others.
    _ = linux_disable_core_dumps()
    linux_keep_freed_memory()
    linux_look_up_names_without_modules()
    OutputWriter.ignoreSignals()
    OpenFiles.raiseLimit()
    do {
      let words = try CommandLineBytes.all()
      let style = try CommandStyle.of(program: words.first ?? [], environment: .process)
      CommandStyle.process.withLock { $0 = style }
      let arguments = ArgumentBytes.encode(all: try understood(words.dropFirst(), style))
      if let page = try HelpTopic.page(for: arguments) {
        let output = OutputWriter()
        try output.write(page + "\n")
        try output.finish()
        Exit.leave(.success)
      }
      var command = try Archivist.parseAsRoot(GlobalOptions.reordered(arguments))
      try command.run()
      Exit.leave(Exit.report.withLock { $0?.exitStatus ?? .success })
    } catch {
      let code = Archivist.exitCode(for: error)
      let isRequest = code == .success
      guard isRequest || code == .validationFailure || error is CleanExit else { Exit.end(error) }
      // The parser's own words: help, the version, or what is wrong with the arguments.
      let message = HelpText.arranged(Archivist.fullMessage(for: error))
      let text = NameText.withoutControls(ArgumentBytes.decode(message)) + [0x0a]
      let failure = writeAll(text, to: isRequest ? STDOUT_FILENO : STDERR_FILENO)
      if isRequest, failure != 0 { Exit.end(OutputError(failure)) }
      Exit.leave(isRequest ? .success : .failure(.commandLine))
    }
  }

  /// The arguments as archivist's own, whatever style they are in.
  private static func understood(
    _ words: ArraySlice<[UInt8]>, _ style: CommandStyle
  ) throws -> [[UInt8]] {
    guard style == .borg else { return Array(words) }
    Exit.readStyle(.process)
    let line = try BorgCommandLine(Array(words))
    if line.asksForVersion {
      let output = OutputWriter()
      try output.write("borg \(CommandStyle.borgVersion)\n")
      try output.finish()
      Exit.leave(.success)
    }
    BorgRun.begin(line)
    return line.arguments
  }
}
