#!/usr/bin/env bash
# A backup of nothing is no backup: paths that do not exist, lists that are empty, patterns that leave
# nothing, a pipe with nothing in it. No archive comes of them that could take the place of a good one.
source "$(dirname "$0")/lib.sh"

mkdir src empty
echo x >src/file
archivist init repo
names() { archivist list --short --consider-checkpoints repo | tr '\n' ' '; }
# none ARGUMENT…: this backup, and its dry run, fail, and make no archive.
none() {
  status 2 archivist create --dry-run repo::none "$@"
  says 'no archive was made'
  status 2 archivist create repo::none "$@"
  says 'no archive was made'
  status 2 archivist create --exit-codes modern repo::none "$@"
  [ "$(names)" = '' ] || fail "there is an archive: create $*"
}

say "nothing of it exists"
none /nowhere/data /nowhere/home
says '^Warning: /nowhere/data: No such file' 'could be read: /nowhere/data, /nowhere/home'
none --pattern 'R /nowhere' --pattern '+ **'
none src/file/below
none src/../nowhere/./here
status 2 archivist create repo::none ''

say "everything is left out"
unset=
none -e "$unset/" src
says 'leave out everything'
none --pattern '- **' src
printf 'src\n' >excludes
none --exclude-from excludes src
none -e src src /nowhere

say "lists of paths"
status 2 archivist create --paths-from-stdin repo::none < <(find /nowhere 2>/dev/null || true)
says 'no archive was made: the list of paths is empty'
status 2 archivist create --paths-from-stdin repo::none < <(printf '/nowhere/a\n/nowhere/b\n')
says 'no archive was made.*/nowhere/a, /nowhere/b'
status 2 archivist create --dry-run --paths-from-stdin repo::none </dev/null
status 2 archivist create --paths-from-command repo::none -- true
status 2 archivist create --paths-from-command repo::none -- find empty -type f
[ "$(names)" = '' ]

say "nothing that may be read"
if [ "$(id -u)" = 0 ]; then
  mkdir -m 700 closed
  echo x >closed/secret
  chmod 755 . && mkdir -m 777 nobody
  cp src/file secret && chmod 600 secret
  as_nobody=(setpriv --reuid nobody --regid nogroup --clear-groups
    env ARCHIVIST_BASE_DIR="$work/nobody/home" "$ARCHIVIST")
  "${as_nobody[@]}" init nobody/repo
  status 2 "${as_nobody[@]}" create nobody/repo::none closed
  says 'closed: Permission denied' 'no archive was made'
  status 2 "${as_nobody[@]}" create nobody/repo::none secret
  status 1 "${as_nobody[@]}" create nobody/repo::some closed src
  says 'incomplete: 1 of 2 paths could not be backed up: closed'
  [ "$("${as_nobody[@]}" list --short nobody/repo)" = some ]
fi

say "standard input"
status 2 archivist create repo::none - </dev/null
says 'no archive was made: nothing came from standard input'
status 2 archivist create repo::none /nowhere - </dev/null
status 2 archivist create repo::none --content-from-command -- false
[ "$(names)" = '' ]
status 0 archivist create repo::command --content-from-command -- true
status 1 archivist create repo::beside src - </dev/null
says 'Nothing came from standard input'
status 1 archivist create repo::instead /nowhere - <src/file
says 'incomplete: 1 of 1 path'
archivist delete repo command beside instead

say "some of it"
status 1 archivist create repo::some /nowhere/data src /nowhere/home
[ "$(tail -n 1 err)" = "Warning: The archive is incomplete: 2 of 3 paths could not be backed up: /nowhere/data, /nowhere/home" ] ||
  fail "$(cat err)"
status 107 archivist create --exit-codes modern repo::modern src /nowhere
status 1 archivist create --paths-from-stdin repo::list < <(printf 'src/file\n/nowhere/a\n')
says 'incomplete: 1 path could not be backed up: /nowhere/a'
status 1 archivist create --dry-run repo::dry src /nowhere
says 'incomplete: 1 of 2 paths'
status 1 archivist create --log-json repo::json src /nowhere
python3 -c 'import json; [json.loads(line) for line in open("err")]'
archivist delete repo some modern list json

say "what exists and is empty is backed up"
status 0 archivist create repo::empty empty
[ "$(archivist list --short repo::empty)" = empty ]
status 0 archivist create repo::outer -e src/file src
[ "$(archivist list --short repo::outer)" = src ]

say "a disk that is not mounted for days does not rotate the archives out"
mkdir nas
echo photo >nas/photo
for day in 1 2 3; do archivist create --timestamp "2026-11-0${day}T00:00:00" "repo::nas-$day" nas; done
rm -r nas
for day in 4 5 6; do
  status 2 archivist create --timestamp "2026-11-0${day}T00:00:00" "repo::nas-$day" nas
  status 0 archivist prune --keep-daily 3 -a 'nas-*' repo
done
[ "$(archivist list --short -a 'nas-*' repo | tr '\n' ' ')" = 'nas-1 nas-2 nas-3 ' ]

say "the shipped service notices"
grep -q '^Environment=ARCHIVIST_EXIT_CODES=modern$' "$scenarios/../../docs/examples/archivist.service"
accepted=$(sed -n 's/^SuccessExitStatus=//p' "$scenarios/../../docs/examples/archivist.service")
[ "$accepted" = 100 ] || fail "the service takes $accepted for success"
