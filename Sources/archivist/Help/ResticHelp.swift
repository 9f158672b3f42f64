/// The commands of restic, for those who come from it.
enum ResticHelp {
  static let text = """
    The repository is an argument, R here, or ARCHIVIST_REPO. A snapshot is an
    archive with a name: R::NAME. `latest` is R::@now. The passphrase comes from the
    terminal, ARCHIVIST_PASSPHRASE, ARCHIVIST_PASSCOMMAND or
    ARCHIVIST_PASSPHRASE_FD.

      restic init                        archivist init R
      restic backup ~                    archivist create R::{hostname}-{now} ~
      restic snapshots                   archivist list R
      restic ls latest                   archivist list R::@now
      restic restore latest --target D   cd D; archivist extract R::@now
      restic restore latest -i /etc/x    archivist extract R::@now etc/x
      restic dump latest /etc/x          archivist extract --stdout R::@now etc/x
      restic diff A B                    archivist diff R::A B
      restic forget --keep-daily 7       archivist prune -d 7 R
      restic prune                       archivist compact R
      restic check --read-data           archivist check --verify-data R
      restic key add                     archivist key add R
      restic copy                        archivist copy R OTHER
      restic unlock                      archivist break-lock R

    Not there yet: mount, rewrite, find, tag, object stores.
    """
}
