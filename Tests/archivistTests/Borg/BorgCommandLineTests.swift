import Testing

@testable import archivist

@Suite struct `borg's command line` {
  func translate(_ line: String) throws(CommandFailure) -> BorgCommandLine {
    // Words; ~ stands for a space within one.
    let words = line.split(separator: " ").map { Array($0.utf8) }
    return try BorgCommandLine(
      words.map { $0.map { $0 == UInt8(ascii: "~") ? UInt8(ascii: " ") : $0 } })
  }

  func text(_ line: BorgCommandLine) -> String {
    line.arguments.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
  }

  @Test(arguments: [
    // Common options, in front of the command and behind it.
    ("-vp create r::a x", "create --info --progress r::a x"),
    ("--lock-wait=5 --rsh ssh list r", "list --lock-wait=5 --rsh=ssh r"),
    ("list r --info", "list --info r"), ("list --verbose r", "list --info r"),
    ("list --info --debug r", "list --debug r"), ("list --debug --warning r", "list r"),
    ("list --critical r", "list --quiet r"), ("list --error r", "list --quiet r"),
    ("list --debug-topic x --bypass-lock r", "list r"),
    ("list --umask 0077 --remote-buffer 3 --upload-buffer=3 r", "list r"),
    ("list --remote-ratelimit 3 r", "list --upload-ratelimit=3 r"),
    ("list --consider-part-files --debug-profile f --iec r", "list --iec r"),
    ("list --show-version --show-rc --log-json r", "list --log-json r"),
    ("key --info export r f", "key export --info r f"),
    ("--remote-path borg1 list r", "list --remote-path=borg1 r"),
    // An option that stands in no table is handed on.
    ("list --as-of -x r", "list --as-of=-x r"), ("list --unknown r", "list --unknown r"),
    ("list -Z r", "list -Z r"), ("help patterns", "help patterns"), ("list -h", "list --help"),
    ("--version", "--version"), ("-V", "--version"), ("", ""),
    // Values of several kinds.
    ("create -epp:x -e~y r::a", "create --exclude=pp:x --exclude= y r::a"),
    ("create --pattern -~x r::a", "create --pattern=- x r::a"),
    ("create -xsC lz4 r::a x", "create --one-file-system --stats --compression=lz4 r::a x"),
    ("create --comment= r::a x", "create --comment  r::a x"),
    ("create r::a -- -x --stats", "create r::a -- -x --stats"),
    ("create --comment -x~y r::a x", "create --comment=-x y r::a x"),
    // Words that look like options, and are none.
    ("create --list r::a -~x", "create --list r::a -- - x"),
    ("create r::a -a~b x --list", "create r::a --list -- -a b x"),
    ("create r::a --my~file", "create r::a -- --my file"),
    ("create r::a x -a~b -- -c --", "create r::a x -- -a b -c --"),
    ("create r::a -- -a~b", "create r::a -- -a b"),
    // The command decides what an option in front of it means.
    ("--umask 0077 serve", "serve --umask=0077"), ("--umask=0077 list r", "list r"),
    ("--umask 077 -p init -e none r", "init --umask=077 --progress --encryption=none r"),
    ("key --umask 077 export r f", "key export r f"),
    ("-n create r::a x", "create -n r::a x"), ("--stats create r::a x", "create --stats r::a x"),
    ("with-lock --info r cmd --stats -v", "with-lock --info r cmd --stats -v"),
  ])
  func `becomes`(line: String, expected: String) throws {
    #expect(text(try translate(line)) == expected)
  }

  @Test(arguments: [
    ("init -e repokey --umask 077 r", "init --encryption=repokey --umask=077 r"),
    ("init -e repokey-blake2 r", "init --encryption=repokey r"),
    ("init --encryption=keyfile-blake2 r", "init --encryption=keyfile r"),
    ("init -e authenticated-blake2 r", "init --encryption=authenticated r"),
    ("init -e none r", "init --encryption=none r"),
    ("init -e chacha20-poly1305 r", "init --encryption=chacha20-poly1305 r"),
    ("init -e none --append-only --storage-quota 5M r", "init --encryption=none r"),
    ("create --quick-stats r::a x", "create --stats r::a x"),
    ("create -s --stats r::a x", "create --stats r::a x"),
    ("create --no-cache-sync --noatime --sparse r::a x", "create r::a x"),
    ("create --no-files-cache r::a x", "create --files-cache=disabled r::a x"),
    ("create --numeric-owner --nobsdflags r::a x", "create --numeric-ids --noflags r::a x"),
    ("create -c 60 -x r::a x", "create --checkpoint-interval=60 --one-file-system r::a x"),
    ("create --keep-tag-files r::a x", "create --keep-exclude-tags r::a x"),
    ("create --exclude-dataless r::a x", "create r::a x"),
    ("extract --numeric-owner --sparse r::a", "extract --numeric-ids --sparse r::a"),
    ("check r", "check r --verify-data"), ("check --verify-data r", "check --verify-data r"),
    ("-- list --short r", "list --short r"), ("check --archives-only r", "check --archives-only r"),
    ("check --verify-data -a x r::a", "check --verify-data r::a"),
    ("check --archives-only --verify-data r", "check --verify-data r"),
    ("check --repository-only r", "check r --storage-only"),
    ("check --repository-only --max-duration 9 r", "check --repository-only --max-duration=9 r"),
    ("check --repair --repository-only --save-space r", "check --repair r --verify-data"),
    ("check --repair --archives-only r", "check --repair r"),
    ("compact --cleanup-commits --threshold 5 -n r", "compact --threshold=5 --dry-run r"),
    ("list --last 3 -a x r", "list --last=3 --glob-archives=x r"),
    ("list --last 3 -P x r::a y", "list r::a y"), ("info --first 1 ::a", "info ::a"),
    ("list --last 3 r::", "list --last=3 r::"),
    ("diff --same-chunker-params --sort-by path r::a b", "diff --sort-by=path r::a b"),
    ("delete --force --save-space -c 5 -s r::a", "delete --force --stats r::a"),
    ("prune -d7 -w 4 --force -c5 --save-space r", "prune --keep-daily=7 --keep-weekly=4 r"),
    ("prune -H -1 r", "prune --keep-hourly=-1 r"),
    ("serve --umask 027 --append-only", "serve --umask=027 --append-only"),
    ("benchmark crud r p", "benchmark crud p"), ("benchmark crud p", "benchmark crud p"),
  ])
  func `of a command becomes`(line: String, expected: String) throws {
    #expect(text(try translate(line)) == expected)
  }

  @Test(arguments: [
    "list --iec=3 r", "list --rsh", "create -C", "init r", "create --stats --quick-stats r::a x",
    "mount r m", "recreate r", "export-tar r::a t", "import-tar r::a t", "config r x",
    "upgrade r", "debug info", "version", "umount m", "key migrate-to-repokey r",
    "key export-related-secrets r", "init -e none --import-related-secrets f r",
  ])
  func `is refused`(line: String) {
    #expect(throws: CommandFailure.self) { try translate(line) }
  }

  @Test func `of versions and statuses is a setting`() throws {
    #expect(try translate("list r").settings == BorgCommandLine.Settings())
    let line = try translate("--show-rc list --show-version r")
    #expect(line.settings.showsStatus && line.settings.showsVersion)
    #expect(try translate("--version").asksForVersion)
    #expect(try !translate("list --version").asksForVersion)
  }

  @Test(arguments: [
    ("list --bypass-lock r", []), ("create --no-cache-sync --save-space r::a x", []),
    ("create -C zstd,3 r::a x", []), ("create -C lzma r::a x", ["lzma"]),
    ("create -n --quick-stats r::a x", ["Ignoring --quick-stats"]),
    ("create --chunker-params 19,23,21,4095 r::a x", []),
    ("create --chunker-params buzhash,6,9,7,63 r::a x", ["buzhash,6,9,7,63"]),
    ("init -e repokey r", ["repokey"]),
    (
      "init -e none --append-only --append-only --storage-quota 1 r", ["none", "--append", "quota"]
    ),
  ])
  func `says what it replaces where that matters`(line: String, words: [String]) throws {
    let notices = try translate(line).notices.map { String(decoding: $0.bytes, as: UTF8.self) }
    #expect(notices.count == words.count)
    for (notice, word) in zip(notices, words) { #expect(notice.contains(word)) }
  }
}

@Suite struct `The codec nearest to borg's` {
  @Test(arguments: [
    ("none", "none"), ("lz4", "lz4"), ("zstd", "zstd"), ("zstd,22", "zstd,22"),
    ("zlib", "zstd,6"), ("zlib,0", "zstd,1"), ("zlib,9", "zstd,12"), ("lzma", "zstd,19"),
    ("lzma,9", "zstd,22"), ("auto,lzma,0", "auto,zstd,9"), ("auto,zstd,7", "auto,zstd,7"),
    ("obfuscate,110,none", "none"), ("obfuscate,2,auto,zlib,9", "auto,zstd,12"),
  ])
  func `is`(text: String, nearest: String) throws {
    #expect(BorgCompression.nearest(text) == nearest)
  }

  @Test(arguments: [
    "", "zlib,10", "zlib,x", "lzma,1,2", "zstd,0", "zstd,23", "auto", "auto,none", "auto,auto,lz4",
    "obfuscate,lz4", "obfuscate,1", "obfuscate,1,obfuscate,1,lz4", "lz4,1", "gzip",
  ])
  func `is none for what borg refuses`(text: String) {
    #expect(BorgCompression.nearest(text) == nil)
  }
}

@Suite struct `The chunker nearest to borg's` {
  @Test(arguments: [
    ("default", "default"), ("19,23,21,4095", "buzhash,19,23,21,4095"),
    ("buzhash,10,23,16,4095", "buzhash,10,23,16,1023"), ("7,9,8,127", "buzhash,10,11,9,127"),
    ("10,18,14,4096", "buzhash,10,18,14,1023"), ("fixed,4096", "fixed,4096"),
    ("fixed,4096,200", "fixed,4096"), ("fixed,64", "fixed,512"),
    ("fixed,99999999999", "fixed,33554432"),
  ])
  func `is`(text: String, nearest: String) throws {
    #expect(BorgChunker.nearest(text) == nearest)
  }

  @Test(arguments: [
    "", "fixed", "fixed,x", "fixed,63", "fixed,64,x", "19,23,21", "19,24,21,4095", "5,9,8,127",
    "19,18,18,4095", "buzhash", "buzhash,19,23,24,4095", "fastcdc,1,2,3",
  ])
  func `is none for what borg refuses`(text: String) {
    #expect(BorgChunker.nearest(text) == nil)
  }
}
