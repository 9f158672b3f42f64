import CLinux
import Glibc

/// Standard input, output and error.
enum StandardDescriptors {
  /// Opens those that whoever started us has closed, as `2>&-` does in a shell.
  ///
  /// Else the next file that is opened gets such a number, and what is meant for people is written
  /// into it. They lead nowhere, in the wrong direction: reading from one, or writing to it, fails as
  /// it does with one that is closed.
  static func openMissing() {
    for number in STDIN_FILENO...STDERR_FILENO where fcntl(number, F_GETFD) < 0 {
      // The lowest number that is free is this one: those below are open.
      let flags = number == STDIN_FILENO ? O_WRONLY : O_RDONLY
      guard unsafe linux_open("/dev/null", flags, 0) < 0 else { continue }
      // Where there are no devices, the root directory can be neither read from nor written to.
      if unsafe linux_open("/", O_RDONLY | O_DIRECTORY, 0) < 0 { exit(2) }
    }
  }
}
