/// The way from too many archives to free space.
enum RetentionHelp {
  static let text = """
    Each backup is an archive, and stays until it is deleted. `prune` deletes all
    but those that a rule keeps; `compact` frees the space:

      archivist prune --list --dry-run -d 14 -w 8 -m 12 /backup/repo
      archivist prune --list -d 14 -w 8 -m 12 /backup/repo
      archivist compact /backup/repo

    The rules:

      --keep-within 3d          all archives of the last three days: h, d, w, m
                                (months of 31 days) or y (365 days)
      --keep-last 5             the newest five archives
      --keep-hourly 24          the newest of each of the last 24 hours with any
      -d, --keep-daily 14       the same of 14 days; also -w (weeks), -m (months),
                                -y (years)

    An archive that several rules keep counts for the first of them. The rules apply
    to each machine by itself (--group-by), and the newest archive of each stays.
    With -a PATTERN only archives whose names match are looked at.

      archivist delete /backup/repo::2026-11-21     one archive

    What was deleted cannot be brought back once `compact` has run.
    """
}
