import ArgumentParser

/// How a new passphrase is stretched.
struct KeyCostOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What each guess of the passphrase costs, as the binary logarithm of scrypt's N: from 15 (32 MiB of "
        + "memory) to 20 (1 GiB). auto is 17, and 15 for a passphrase that is long and random.",
      valueName: "cost"))
  var kdfCost = KeyCost.automatic
}
