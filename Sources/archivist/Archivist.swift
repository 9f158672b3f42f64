import ArgumentParser
import ChunkStore
import CLinux
import Glibc
import LinuxSystem
import Synchronization

/// The command line.
struct Archivist: ParsableCommand {
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "archivist",
    abstract: "Deduplicating, encrypted backups.",
    discussion: """
      archivist init /backup/repo                      make a repository, once
      archivist create /backup/repo::{now} /etc /home  back up
      archivist list /backup/repo                      show the backups there are
      archivist extract /backup/repo::@now etc/fstab   restore one file, into here
      archivist extract /backup/repo::@10d             restore all of ten days ago
      archivist prune -d 14 -w 8 -m 12 /backup/repo    delete old backups …
      archivist compact /backup/repo                   … and free their space
      archivist key add /backup/repo                   add a second passphrase
      archivist key export /backup/repo /usb/repo.key  keep a copy of the key
      archivist help passphrase                        if a passphrase is lost
      """,
    version: "archivist \(version)",
    groupedSubcommands: groups)

  /// The commands, by what people want to do.
  private static let groups = [
    CommandGroup(
      name: "Back Up and Restore",
      subcommands: [
        Init.self, Create.self, List.self, Extract.self, Diff.self, Info.self,
      ]),
    CommandGroup(
      name: "Retention and Space",
      subcommands: [Prune.self, Delete.self, Compact.self, Rename.self]),
    CommandGroup(name: "Passphrases and Keys", subcommands: [Key.self]),
    CommandGroup(
      name: "Verify and Repair",
      subcommands: [Check.self, Adopt.self, BreakLock.self]),
    CommandGroup(
      name: "Other Machines, Other Programs",
      subcommands: [Copy.self, Serve.self, WithLock.self, Benchmark.self]),
  ]
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
    var arguments: [String] = []
    do {
      let words = try CommandLineBytes.all()
      let style = try CommandStyle.of(program: words.first ?? [], environment: .process)
      CommandStyle.process.withLock { $0 = style }
      if let program = words.first {
        CommandStyle.program.withLock { $0 = CommandStyle.name(of: program) }
      }
      arguments = ArgumentBytes.encode(all: try understood(words.dropFirst(), style))
      if let page = try HelpTopic.page(for: arguments) {
        let output = OutputWriter()
        try output.write(page + "\n")
        try output.finish()
        Exit.leave(.success)
      }
      let ordered = GlobalOptions.reordered(arguments)
      try CommandWords.demandCommand(ordered)
      var command = try Archivist.parseAsRoot(ordered)
      try command.run()
      Exit.leave(Exit.report.withLock { $0?.exitStatus ?? .success })
    } catch {
      let code = Archivist.exitCode(for: error)
      let isRequest = code == .success
      guard isRequest || code == .validationFailure || error is CleanExit else { Exit.end(error) }
      // The parser's own words: help, the version, or what is wrong with the arguments.
      let message = HelpText.arranged(
        CommandWords.improved(
          Archivist.fullMessage(for: error, columns: HelpText.columns),
          for: GlobalOptions.reordered(arguments)))
      var text = NameText.withoutControls(ArgumentBytes.decode(message)) + [0x0a]
      if !isRequest, let words = CommandStyle.words { text = words.translate(text) }
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
