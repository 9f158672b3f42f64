import Glibc

/// An exported key as a page of HTML, to print: what `PaperKey` writes, and the same as a QR code.
enum KeyPage {
  /// Makes the page.
  ///
  /// - Parameters:
  ///   - slot: The key slot.
  ///   - repository: The id of its repository.
  ///   - isWithClient: Whether the key belongs with a client.
  /// - Returns: The page, which needs nothing besides itself.
  /// - Throws: `CommandFailure` where there is no program that makes the code.
  static func html(_ slot: [UInt8], repository: String, isWithClient: Bool) throws -> [UInt8] {
    let image = try QRCode.svg(PaperKey.code(slot, isWithClient: isWithClient))
    let page = try PaperKey.page(slot, repository: repository, isWithClient: isWithClient)
    // The page is digits, and words of ours without any mark-up in them.
    let text = String(decoding: page, as: UTF8.self)
    let head = """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <title>Key of the archivist repository \(repository)</title>
      <style>
      body { font-family: sans-serif; margin: 1cm; }
      pre { font-size: 8pt; }
      svg { display: block; width: 16cm; height: 16cm; }
      @media print { pre, svg { break-inside: avoid; } }
      </style>
      </head>
      <body>
      <pre>
      \(text)</pre>
      <p>The code says the same. Save what a scanner reads in it to a file; <code>archivist key import
      REPOSITORY FILE</code> takes it as it is.</p>

      """
    return Array(head.utf8) + image + Array("\n</body>\n</html>\n".utf8)
  }
}

/// QR codes, which the program `qrencode` makes.
enum QRCode {
  private static let program = "qrencode"

  /// A text as a QR code: an `svg` element.
  ///
  /// The text goes through pipes alone, because arguments can be seen by everybody.
  static func svg(_ text: [UInt8]) throws(CommandFailure) -> [UInt8] {
    let words = [program, "--type=SVG", "--svg-path", "--level=L", "--margin=4", "--output=-"]
    let answer: [UInt8]
    do throws(ChildProcess.Failure) {
      answer = try ChildProcess.output(of: words.map { Array($0.utf8) }, input: text)
    } catch {
      switch error {
      case .notStarted(let number) where number == ErrorNumber(ENOENT):
        throw CommandFailure(
          "--qr-html: \(program) is not there, which makes the code: install the package of this name. "
            + "--paper writes a page without a code")
      default:
        throw CommandFailure("--qr-html: \(program), which makes the code, \(error.description)")
      }
    }
    guard let start = answer.firstIndex(ofSubsequence: Array("<svg".utf8)) else {
      throw CommandFailure("--qr-html: \(program), which makes the code, wrote none")
    }
    return Array(answer[start...])
  }
}
