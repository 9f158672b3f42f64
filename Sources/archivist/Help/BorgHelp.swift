/// The differences from borg, for those who come from it.
enum BorgHelp {
  static let text = """
    Commands, options, formats, exit codes and variables are those of borg 1.4,
    with ARCHIVIST_ or BORG_ in front. The repositories are not: archivist has a
    format of its own, and cannot open borg's.

      borg init -e repokey R             archivist init R
      borg create R::{now} ~             archivist create R::{now} ~
      borg list R                        archivist list R
      borg extract R::A home/ann/x       archivist extract R::A home/ann/x
      borg prune -d 7 R; borg compact R  archivist prune -d 7 R; archivist compact R
      borg key export R FILE             archivist key export R FILE

    Besides:

      archivist extract R::@10d          the newest archive as of ten days ago
      archivist key add R                a second passphrase
      archivist copy R OTHER             archives to another repository
      archivist prune                    for each machine by itself: --group-by
      archivist compact                  while backups run: nothing is locked

    Not there yet: mount, recreate, export-tar, import-tar, config.
    """
}
