/// The variables that are read from the environment, and the places where things are kept.
enum EnvironmentHelp {
  static let text = """
    Most of these are known under borg's names as well, with BORG_ instead of
    ARCHIVIST_; ours come first, but in borg's place.

      ARCHIVIST_REPO            the repository, where none is named in front of ::
      ARCHIVIST_EXIT_CODES      classic or modern; see `archivist help exit-codes`
      ARCHIVIST_HOSTNAME        instead of the machine's name, also as {hostname}
      ARCHIVIST_USERNAME        instead of the user's name, also as {user}
      ARCHIVIST_JSON_INDENT     spaces for each level of --json, instead of 4
      ARCHIVIST_COMPAT=borg     understand borg's command line and variables, and
                                print what borg prints where it prints it, as is
                                done where the program is called borg

    The passphrase comes from the first of these that is set, else from the
    terminal:

      ARCHIVIST_PASSPHRASE      the passphrase itself
      ARCHIVIST_PASSCOMMAND     a command that prints it; run without a shell
      ARCHIVIST_PASSPHRASE_FD   a descriptor to read it from; 0 is standard input

      pass show backup | ARCHIVIST_PASSPHRASE_FD=0 archivist create repo::{now} /etc

    A new one comes from ARCHIVIST_NEW_PASSPHRASE, ARCHIVIST_NEW_PASSCOMMAND or
    ARCHIVIST_NEW_PASSPHRASE_FD in the same way; that of a second repository, the
    source of `copy` or the one that `init --like` names, from
    ARCHIVIST_OTHER_PASSPHRASE, ARCHIVIST_OTHER_PASSCOMMAND or
    ARCHIVIST_OTHER_PASSPHRASE_FD, else it is taken to be the same.

      ARCHIVIST_EMPTY_PASSPHRASE_IS_OK=yes
                                lets the new passphrase of `init`, `key add` or
                                `key change-passphrase` be empty; else that is an
                                error, because a password manager may have failed
      ARCHIVIST_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
                                opens a repository without encryption that this
                                client has not seen before
      ARCHIVIST_DISPLAY_PASSPHRASE=yes
                                shows a new passphrase on standard error
      ARCHIVIST_DELETE_I_KNOW_WHAT_I_AM_DOING=YES
                                answers what `delete` asks before it deletes a
                                whole repository
      ARCHIVIST_CHECK_I_KNOW_WHAT_I_AM_DOING=YES
                                answers what `check --repair` asks before it
                                changes anything

    For repositories on other machines:

      ARCHIVIST_RSH             the command that reaches them, instead of ssh
      ARCHIVIST_REMOTE_PATH     where archivist is over there

    What this client keeps:

      ~/.config/archivist       what is remembered of repositories, and keys that
                                are not in them, which nothing can replace
      ~/.cache/archivist        disposable: deleting it costs time

      ARCHIVIST_CONFIG_DIR      another directory for the former
      ARCHIVIST_CACHE_DIR       another directory for the latter
      ARCHIVIST_BASE_DIR        instead of the home directory, for both
      XDG_CONFIG_HOME, XDG_CACHE_HOME
                                as the XDG Base Directory Specification says

    In borg's place, but not otherwise, these of borg count as well:
    BORG_BASE_DIR, BORG_CONFIG_DIR, BORG_CACHE_DIR, BORG_KEYS_DIR, BORG_KEY_FILE
    (the one key file), BORG_SECURITY_DIR (what is remembered of repositories) and
    BORG_REMOTE_PATH.

    HOME and XDG_… count unless they lead to another user's directories, as they may
    after sudo or su: then the home is the one that the system has for the user.
    What only reads goes on without these directories; `create` needs the former.

      TMPDIR                    where the index is kept while the cache cannot be
                                written to, and long lists of paths are sorted

      TZ                        the time zone of all times that are shown or written
      TERM                      on a dumb terminal no progress is shown
    """
}
