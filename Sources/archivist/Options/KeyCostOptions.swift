import ArgumentParser

/// How a new passphrase is stretched.
struct KeyCostOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What each guess of the passphrase costs, as the binary logarithm of scrypt's N: from 15 (32 MiB of "
        + "memory) to 20 (1 GiB). auto is 17 (128 MiB), because a passphrase that somebody thought up can be "
        + "guessed, and 15 for what looks like the output of a generator, which cannot.",
      valueName: "cost"))
  var kdfCost = KeyCost.automatic
}
