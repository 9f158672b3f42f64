/// How archives are named on the command line.
enum ArchivesHelp {
  static let text = """
    An archive is named behind two colons: REPOSITORY::ARCHIVE. Without anything in
    front of the colons, ARCHIVIST_REPO says which repository is meant.

      repo::web-2026-11-21      the archive of this name
      repo::id:3f9a             the archive whose id begins so

    Where an archive that exists is wanted, it may be named by a time:

      repo::@now                the newest archive
      repo::@10d                the newest one as of ten days ago
      repo::@1h30min            units: s, min, h, d, w, m (months), y (years)
      repo::@2026-11-01         as of the end of that day, in local time
      repo::@2026-11-01T12:00   as of the end of that minute
      repo::@2026-11-01T12:00Z  the same in UTC; or with an offset, +01:00
      repo::@1793534400         seconds since 1970
      repo::web-*@10d           the same, where the name matches this pattern

    The units are those of `prune --keep-within`: m is a month of 31 days, as with
    borg, y a year of 365 days. Capital letters mean the same.

    What counts is when the backup was begun. With the archives of several machines
    in a repository, the pattern has to say whose is meant; * takes the newest of
    all. Quote it: shells have an idea of their own of what * means.

    `archivist list --as-of TIME` lists the archives that there were by then.
    """
}
