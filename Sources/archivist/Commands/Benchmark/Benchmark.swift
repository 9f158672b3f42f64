import ArgumentParser

struct Benchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure how fast this machine is at making backups.",
    discussion: """
      archivist benchmark cpu
      archivist benchmark crud /mnt/disk/scratch
      """,
    subcommands: [ProcessorBenchmark.self, CrudBenchmark.self])
}
