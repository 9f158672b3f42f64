import Glibc
import StoreCrypto

/// A file descriptor that someone left open for us, with a passphrase to read from it.
struct PassphraseDescriptor {
  /// The number.
  let number: Int32

  /// Takes a number as a variable holds it; `nil` if it is none.
  init?(_ text: [UInt8]) {
    let digits = String(decoding: text.trimmed, as: UTF8.self)
    guard let number = Int32(digits), number >= 0 else { return nil }
    self.number = number
  }

  /// Keeps the descriptor from being inherited; the standard ones stay as they are.
  func closeInChildren() {
    guard number > STDERR_FILENO else { return }
    // One that is not open is reported by whoever reads it.
    _ = fcntl(number, F_SETFD, FD_CLOEXEC)
  }

  /// Reads what there is, without the line ends at its end, and closes the descriptor.
  func readToEnd(variable: String) throws(PassphraseError) -> Secret {
    defer { retire() }
    do throws(SecretReader.Failure) {
      return try SecretReader.readToEnd(number)
    } catch {
      switch error {
      case .system(let cause): throw .unreadable(variable, cause)
      case .tooLong: throw .tooLong
      }
    }
  }

  /// Closes it.
  ///
  /// A standard descriptor leads nowhere afterwards, so that no file that is opened later gets its
  /// number and is taken for standard input.
  private func retire() {
    guard number <= STDERR_FILENO else {
      close(number)
      return
    }
    let nowhere = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
    guard nowhere >= 0 else { return }
    dup2(nowhere, number)
    if nowhere != number { close(nowhere) }
  }
}

/// Reads secrets into memory that is wiped.
enum SecretReader {
  enum Failure: Error, Equatable {
    case system(ErrorNumber)
    case tooLong
  }

  /// Everything up to the end, without the line ends there.
  static func readToEnd(_ descriptor: Int32) throws(Failure) -> Secret {
    // One byte more than allowed: this array must not grow, or it would leave a copy behind.
    var buffer = [UInt8](repeating: 0, count: PassphraseSources.maximumLength + 1)
    defer { wipe(&buffer) }
    var count = 0
    while true {
      let got = unsafe buffer.withUnsafeMutableBytes {
        unsafe read(descriptor, $0.baseAddress?.advanced(by: count), $0.count - count)
      }
      if got < 0, errno == EINTR { continue }
      guard got >= 0 else { throw .system(ErrorNumber(errno)) }
      count += got
      if count == buffer.count { throw .tooLong }
      if got == 0 { break }
    }
    while count > 0, [UInt8(ascii: "\n"), UInt8(ascii: "\r")].contains(buffer[count - 1]) {
      count -= 1
    }
    return Secret(copying: buffer.span.extracting(first: count))
  }
}
