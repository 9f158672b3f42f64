#!/usr/bin/env bash
# Archives are copied between repositories: related ones, and strangers.
source "$(dirname "$0")/lib.sh"

mkdir -p data/docs
head -c 3000000 /dev/urandom >data/large
for number in $(seq 200); do printf 'file %s\n' "$number" >"data/docs/$number"; done
seq 200000 >data/text
ln data/text data/hard
ln -s text data/symbolic
truncate -s 20M data/sparse
printf middle | dd of=data/sparse bs=1 seek=9000000 conv=notrunc status=none
export ARCHIVIST_PASSPHRASE=two-$passphrase ARCHIVIST_OTHER_PASSPHRASE=one-$passphrase

ARCHIVIST_PASSPHRASE=one-$passphrase archivist init src
backup() { ARCHIVIST_PASSPHRASE=one-$passphrase archivist create --timestamp "$2" "src::$1" data; }
backup first 2026-01-01T10:00:00
cp -a data was
seq 100000 >data/more
rm data/docs/7
backup second 2026-01-01T20:00:00
backup third 2026-01-02T10:00:00

# sources REPOSITORY ARCHIVE DIRECTORY: the archive holds what the directory does.
sources() {
  rm -rf restored && mkdir restored
  (cd restored && archivist extract "../$1::$2")
  same restored/data "$3"
}

say "a related repository gets the blocks as they are"
archivist init --like src related
archivist copy -n --stats src related >out
grep -q '^Would copy: first$' out && grep -q '^Would copy 3 archives, 0 there already' out
[ "$(archivist list --short related)" = "" ] || fail "a dry run has copied"
archivist copy --list --stats src related >out
grep -q '^Copied: second$' out
grep -q '^Copied 3 archives, 0 there already' out
sources related first was
sources related third data
archivist check --verify-data related
# The same metadata, item by item, and the same blocks: the same size, but for what is sealed anew.
diff <(ARCHIVIST_PASSPHRASE=one-$passphrase archivist list --json-lines src::second) \
  <(archivist list --json-lines related::second)
of_source=$(bytes src/segments) of_copy=$(bytes related/segments)
[ "$of_copy" -lt $((of_source + of_source / 10 + 100000)) ] ||
  fail "the copy has $of_copy bytes of blocks, the source $of_source"

say "what is there is not copied again, under whatever name"
archivist rename related::second another
before=$(find related/segments | sort)
archivist copy --list --stats src related >out
grep -q '^Is there already: second, as another$' out
grep -q '^Copied 0 archives, 3 there already; new are 0 B' out
[ "$(find related/segments | sort)" = "$before" ] || fail "something was stored"
archivist delete related::first
status 0 archivist copy -s src related first
prints '^Copied 1 archive, 0 there already; new are 0 B'
sources related first was

say "an archive that came from there does not go back, and a copy of a copy is one of the first"
status 0 env ARCHIVIST_PASSPHRASE=one-$passphrase ARCHIVIST_OTHER_PASSPHRASE=two-$passphrase "$ARCHIVIST" copy -s related src
prints '^Copied 0 archives, 3 there already'
archivist init --like src third
status 0 env ARCHIVIST_OTHER_PASSPHRASE=two-$passphrase "$ARCHIVIST" copy -s related third
status 0 archivist copy -s src third
prints '^Copied 0 archives, 3 there already'

say "a stranger's repository: contents are cut and compressed anew"
archivist init --encryption chacha20-poly1305 stranger
archivist copy --stats src stranger second first >out
grep -q '^Copied 2 archives' out
sources stranger first was
diff <(ARCHIVIST_PASSPHRASE=one-$passphrase archivist list --json-lines src::second) \
  <(archivist list --json-lines stranger::second)
status 0 archivist copy -s src stranger
prints '^Copied 1 archive, 2 there already; new are 0 B'
sources stranger third data
archivist check --verify-data stranger

say "another compression, another chunker"
archivist init --like src small
archivist copy -C zstd,12 src small
[ "$(bytes small/segments)" -lt "$of_source" ] || fail "zstd is no smaller than lz4"
sources small third data
archivist check --verify-data small
archivist init --like src fine
archivist copy --chunker-params buzhash,12,18,14,4095 src fine third
sources fine third data
archivist check --verify-data fine

say "archives are selected as elsewhere"
archivist init --like src chosen
archivist copy --list --keep-daily 2 src chosen >out
[ "$(archivist list --short chosen | sort | tr '\n' ' ')" = "second third " ] ||
  fail "kept: $(archivist list --short chosen)"
archivist init --like src last
archivist copy --last 1 -a '*d' src last
[ "$(archivist list --short last)" = third ] || fail "the last one is $(archivist list --short last)"
status 2 archivist copy src last nothing
says 'no archive nothing'

say "a name that is taken by another archive is said, and the others are copied"
archivist create last::first data/docs
status 2 archivist copy src last
says 'archive first was not copied: archive first exists already'
[ "$(archivist list --short last | sort | tr '\n' ' ')" = "first second third " ] ||
  fail "there are $(archivist list --short last)"

say "damage in the source fails the archives that need it, and no others"
cp -a src spoiled
# By another client: this one would miss that archive in the original.
ARCHIVIST_BASE_DIR=$work/elsewhere ARCHIVIST_PASSPHRASE=one-$passphrase \
  archivist create spoiled::docs data/docs
segment=$(find spoiled/segments -type f -size +1000k -printf '%s %p\n' | sort -n | tail -1 | cut -d' ' -f2)
printf XXXX | dd of="$segment" bs=1 seek=200000 conv=notrunc status=none
archivist init --like src saved
export ARCHIVIST_OTHER_PASSPHRASE=one-$passphrase
status 1 archivist copy spoiled saved
says 'archive first was not copied: data/'
archivist list --short saved | grep -qx docs || fail "docs was not copied"
archivist check --verify-data saved
# From a whole source the rest comes.
status 0 archivist copy -s src saved
prints '^Copied 3 archives'
archivist check --verify-data saved
archivist init other
status 1 archivist copy spoiled other
says 'archive third was not copied: data/'
archivist list --short other | grep -qx docs || fail "docs was not copied"
archivist check --verify-data other

say "what is interrupted goes on, and what is killed does no harm"
mkdir big
for number in $(seq 60); do head -c 4000000 /dev/urandom >"big/$number"; done
export ARCHIVIST_PASSPHRASE=two-$passphrase ARCHIVIST_OTHER_PASSPHRASE=one-$passphrase
ARCHIVIST_PASSPHRASE=one-$passphrase archivist create src::big big
archivist init --like src long
archivist init long-stranger
for destination in long long-stranger; do
  for signal in INT KILL TERM; do
    "$ARCHIVIST" copy src "$destination" big 2>err &
    pid=$!
    # When something is there: a segment.
    for _ in $(seq 200); do
      [ "$(find "$destination/segments" "$destination/tmp" -type f -size +1000k | wc -l)" -lt 2 ] || break
      sleep 0.02
    done
    kill "-$signal" "$pid" 2>/dev/null || true
    result=0
    wait "$pid" 2>/dev/null || result=$?
    case $result in
    0) break ;;
    130 | 137 | 143) ;;
    *) cat err; fail "exit status $result after $signal" ;;
    esac
    if [ "$signal" != KILL ]; then grep -q 'goes on from there' err || { cat err; fail "nothing said"; }; fi
  done
  status 0 archivist copy src "$destination" big
  rm -rf restored && mkdir restored
  (cd restored && archivist extract "../$destination::big")
  same big restored/big
  status 0 archivist check "$destination"
done

say "a repository is not copied to itself, and a wrong passphrase is that of the source"
status 2 env ARCHIVIST_PASSPHRASE=one-$passphrase "$ARCHIVIST" copy src src
says 'the same repository'
status 2 env ARCHIVIST_OTHER_PASSPHRASE=wrong "$ARCHIVIST" copy src related
says 'src: the passphrase is wrong.*ARCHIVIST_OTHER_PASSPHRASE'
