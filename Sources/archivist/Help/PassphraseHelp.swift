/// The remedies for a passphrase that is lost, before and after it is.
enum PassphraseHelp {
  static let text = """
    Without a passphrase that opens it, a repository cannot be read by anybody: no
    back door, no reset. A repository may have several passphrases, each of which
    opens it. Before one is lost:

      archivist key add --note 'in the safe' /backup/repo
                                a second passphrase, for somebody else or the safe
      archivist key export /backup/repo /usb/repo.key
                                a copy of the key, should the one in the repository
                                be damaged; it opens with the same passphrase
      archivist key export --paper /backup/repo > page.txt
                                the same, to print and to type in again
      archivist key export --qr-html /backup/repo page.html
                                the same, with a code to scan

    When one is lost, and another one is known:

      archivist key add /backup/repo
                                opens with the one that is known, adds a new one
      archivist key list /backup/repo
      archivist key remove /backup/repo 3f9a
                                the lost one no longer opens the repository

    When a key is lost or damaged, and a copy was exported:

      archivist key import /backup/repo /usb/repo.key

    When none is known, look where it may still be: in a password manager, in the
    variables of a service (ARCHIVIST_PASSPHRASE, ARCHIVIST_PASSCOMMAND; `systemctl
    cat`, `crontab -l`), in a shell that is still open. If it is nowhere, make a new
    repository with `archivist init`, and back up again: the files themselves are
    still where they are.
    """
}
