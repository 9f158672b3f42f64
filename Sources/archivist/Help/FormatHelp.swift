/// The fields of formats; made of what the program knows, so that none is missing.
enum FormatHelp {
  static let text = """
    list --format takes a text with fields in braces, in the form of Python's
    str.format: {size:8} is eight columns wide, {user:<6} stands to the left,
    {path:>40} to the right, {size:,} has its thousands apart, {{ and }} are
    braces. Times take what strftime(3) takes: {mtime:%Y-%m-%d}.

    Without --format, items and archives are listed by

      \(ItemFormat.standard)
      \(ArchiveFormat.standard)

    and with --short by

      \(ItemFormat.short)
      \(ArchiveFormat.short)

    Fields of items:

    \(indented(ItemFormat.keys))

    Fields of archives:

    \(indented(ArchiveFormat.keys))

    Everywhere:

    \(indented([FormatTemplate.fixed.map(\.key)]))

    Names with control characters are quoted as $'…', and on a terminal those that
    are not UTF-8 as well; bpath, barchive and bcomment never are. extra is " -> "
    or " link to " with the target of a link. csize is what the content takes up,
    compressed; dsize, dcsize and unique_chunks are about the chunks that no other
    item of any archive has, for which all archives are looked at first. Digests
    and xxh64 read the content of every file that is listed. With --json or
    --json-lines, --format says what is there in addition.
    """

  private static func indented(_ groups: [[String]]) -> String {
    groups.map { group in
      var lines = [" "]
      for key in group {
        if lines[lines.count - 1].utf8.count + key.utf8.count > 78 { lines.append(" ") }
        lines[lines.count - 1] += " " + key
      }
      return lines.joined(separator: "\n")
    }.joined(separator: "\n")
  }
}
