/// The placeholders and their values.
enum PlaceholdersHelp {
  static let text = """
    Names of new archives, paths of repositories, --comment, --prefix and
    --glob-archives may hold placeholders:

      {hostname}                the short name of this machine
      {fqdn}                    its full name
      {reverse-fqdn}            the same, its parts in reverse: com.example.web
      {now}                     local time: 2026-11-21T03:45:12
      {now:%Y-%m-%d}            the same in any form of strftime(3)
      {utcnow}  {utcnow:%H:%M}  the same in UTC
      {unixtime}                seconds since 1970
      {user}                    who runs the program
      {pid}                     the number of the process
      {uuid4}                   a random UUID
      {archivist_version}       the version of archivist; {version} is the same
      {archivist_major}  {archivist_minor}  {archivist_patch}
                                its parts
      {borgversion}  {borgmajor}  {borgminor}  {borgpatch}
                                the version of borg that borg's clients are told,
                                and 1, 1.4 and 1.4.5 of it
      {hostname:.8}  {user:>10}  {pid:x}  {unixtime:015d}
                                any of them cut, filled or as another number, in
                                the form of Python's formats
      {{  }}                    the braces themselves

      archivist create 'repo::{hostname}-{now:%Y-%m-%dT%H:%M}' /etc
      archivist prune -a '{hostname}-*' --keep-daily 14 repo
    """
}
