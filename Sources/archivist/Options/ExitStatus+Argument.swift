import ArgumentParser

extension ExitStatus.Style: ExpressibleByArgument {
  /// Reads `classic` or `modern`; borg's word `legacy` means the former.
  init?(argument: String) {
    self.init(rawValue: argument == "legacy" ? "classic" : argument)
  }
}
