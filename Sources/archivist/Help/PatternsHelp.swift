/// How paths are chosen by patterns.
enum PatternsHelp {
  static let text = #"""
    Patterns say which files create backs up, and which extract and list mean. They
    are compared with the path as it is walked to, without a leading /:

      create repo::x /home/ann    home/ann/mail/inbox
      create repo::x src ../lib   src/main.c    ../lib/util.c
      create repo::x /mnt/./home  mnt/home/ann, although home/ann is archived

    extract and list compare with the path in the archive. To see what patterns do
    before anything is stored:

      archivist create --dry-run --list -e '*.tmp' repo::x /home | grep '^x'

    Five ways to write one, chosen by two letters and a colon:

      fm:*.o         * and ? match everything, also /. [abc] [a-z] [!a] are sets.
      sh:home/*/tmp  * and ? stay within a name; **/ is any number of directories.
      re:\.(o|a)$    a regular expression, found anywhere: ^ and $ tie it down.
      pp:home/ann    this path and everything in it; nothing is special.
      pf:home/ann    this very path, and nothing in it; nothing is special.

    fm, sh and pp: what matches a directory matches all that is in it. A / at the
    end of fm and sh means only what is in the directory, not the directory itself.

      fm:*/.cache    .cache anywhere, but not at the top
      sh:**/.cache   .cache anywhere
      sh:home/*/.cache/
                     what is in .cache of each user; the empty directory stays

    OPTIONS, in the order in which they stand on the command line; the first pattern
    that matches a path decides, and what no pattern matches is taken. pf: patterns
    come before all others, and of two for one path the later one counts.

      -e, --exclude PATTERN   leave out (fm: unless another style is named)
      --exclude-from FILE     the same, one pattern in each line
      --pattern RULE          one of the rules below (sh: unless another is named)
      --patterns-from FILE    rules, one in each line

      + PATTERN   take it
      - PATTERN   leave it out, but look into it: a + may take what is in it
      ! PATTERN   leave it out with all that is in it; it is not even looked at.
                  This is what -e does
      R PATH      a path to back up, as if it stood on the command line
      P STYLE     from here on in this file, patterns are of this style

    In files, white space around a line is no part of it; empty lines and lines that
    begin with # are comments. Quote patterns on the command line.

      archivist create --patterns-from backup.list repo::{now}

      # backup.list: what is backed up, and what is not
      R /home
      R /etc
      ! home/*/.cache
      + home/ann/mail
      - home/ann
      ! re:\.(iso|vmdk)$

    EXTRACT AND LIST take paths behind the archive: pp: unless another style is
    named, and then only what is beneath them is meant. Patterns come before them.

      archivist extract repo::x home/ann/mail
      archivist extract repo::x 'sh:home/*/mail' -e '*.tmp'

    REGULAR EXPRESSIONS are those of Python, but for what cannot be found in linear
    time or is not worth its weight, which is refused: references to groups (\1),
    looking ahead and behind, atomic groups, conditions, possessive repetition and
    \N{…}. Repetitions written out, an expression has at most 10,000 parts. No
    pattern of any style can make a path take long, and thousands of patterns cost
    little.

    LISTS OF PATHS: with --paths-from-stdin, and --paths-from-command -- COMMAND,
    exactly the paths listed are archived, and neither what is in them nor the
    directories above. Patterns and other reasons to leave something out do not
    concern them.

      find /home -newer stamp -print0 | archivist create --paths-from-stdin \
        --paths-delimiter '\0' repo::{now}
    """#
}
