#!/usr/bin/env bash
# What comes back is what went in, as far as rsync can tell: the system's own directories.
source "$(dirname "$0")/lib.sh"
need_root "owners and devices are part of the comparison"

unset ARCHIVIST_PASSPHRASE
printf %s "$passphrase" | ARCHIVIST_PASSPHRASE_FD=0 archivist init repo
printf %s "$passphrase" | ARCHIVIST_PASSPHRASE_FD=0 archivist create repo::name /etc /usr/share

mkdir restored
cd restored
printf '%s\n' "$passphrase" | ARCHIVIST_PASSPHRASE_FD=0 archivist extract ../repo::name
cd ..
export ARCHIVIST_PASSPHRASE=$passphrase

same /etc restored/etc
same /usr/share restored/usr/share
[ "$(ls restored)" = $'etc\nusr' ]
[ "$(ls restored/usr)" = share ]

say "a part of it"
mkdir part
cd part
archivist extract ../repo::name etc/ssl usr/share/doc
same /etc/ssl etc/ssl
same /usr/share/doc usr/share/doc
[ "$(find . -mindepth 2 -maxdepth 2 | sort)" = $'./etc/ssl\n./usr/share' ]
cd ..

say "check"
status 0 archivist check --verify-data repo
prints 'no problems found'
