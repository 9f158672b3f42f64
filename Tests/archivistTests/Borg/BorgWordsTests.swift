import Testing

@testable import archivist

@Suite struct `A message to somebody who calls borg` {
  private func translate(_ text: String) -> String {
    String(decoding: BorgWords(program: "borg").translate(Array(text.utf8)), as: UTF8.self)
  }

  @Test(arguments: [
    ("Run `archivist check` to see", "Run `borg check` to see"),
    ("`archivist check --storage-only` says", "`borg check --repository-only` says"),
    ("`archivist check --verify-data --repair`", "`borg check --verify-data --repair`"),
    ("`archivist init r` makes one", "`borg init --encryption=repokey r` makes one"),
    ("`archivist key import` and `archivist key add`", "`borg key import` and `archivist key add`"),
    ("`archivist key import --keyfile`", "`archivist key import --keyfile`"),
    ("`archivist init --like REPOSITORY`", "`archivist init --like REPOSITORY`"),
    ("`archivist adopt r` accepts it", "`archivist adopt r` accepts it"),
    ("`archivist copy a b`, `archivist list`", "`archivist copy a b`, `borg list`"),
    ("Usage: archivist list [x]", "Usage: borg list [x]"),
    ("See 'archivist list --help'", "See 'borg list --help'"),
    ("`archivist lister`, `archivist list-all`", "`archivist lister`, `archivist list-all`"),
    ("with archivist list r, /archivist list", "with archivist list r, /archivist list"),
    (
      "set ARCHIVIST_PASSPHRASE, ARCHIVIST_PASSPHRASE_FD", "set BORG_PASSPHRASE, BORG_PASSPHRASE_FD"
    ),
    (
      "ARCHIVIST_OTHER_PASSPHRASE, ARCHIVIST_COMPAT", "ARCHIVIST_OTHER_PASSPHRASE, ARCHIVIST_COMPAT"
    ),
    ("`archivist", "`archivist"), ("`archivist ", "`archivist "), ("", ""),
  ])
  func `names what borg has as borg does`(text: String, expected: String) {
    #expect(translate(text) == expected)
  }
}
