import Glibc

/// The arguments of this process, as bytes.
///
/// `CommandLine.arguments` replaces what is not UTF-8: two different names would become one.
enum CommandLineBytes {
  /// Linux did not say what the arguments are.
  struct Unavailable: Error, Equatable, CustomStringConvertible {
    var code: Int32

    var description: String {
      "cannot read /proc/self/cmdline (\(ErrorNumber(code))); in a chroot, mount /proc in it"
    }
  }

  /// The program's name and its arguments.
  static func all() throws(Unavailable) -> [[UInt8]] {
    let descriptor = unsafe open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Unavailable(code: errno) }
    defer { close(descriptor) }
    var line: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Unavailable(code: errno) }
      if count == 0 { return split(line) }
      line += buffer[..<count]
    }
  }

  /// Takes a text apart in which a NUL follows each argument.
  static func split(_ line: [UInt8]) -> [[UInt8]] {
    guard !line.isEmpty else { return [] }
    let end = line.last == 0 ? line.count - 1 : line.count
    return line[..<end].split(separator: 0, omittingEmptySubsequences: false).map(Array.init)
  }
}
