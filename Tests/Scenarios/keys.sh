#!/usr/bin/env bash
# Who can open a repository: slots, copies of keys on disk and on paper, keys kept by the client.
source "$(dirname "$0")/lib.sh"

opens() { ARCHIVIST_PASSPHRASE=$1 archivist list repo >/dev/null 2>&1; }

mkdir tree
echo content >tree/file
archivist init repo
archivist create repo::first tree

say "add and list"
status 0 env ARCHIVIST_NEW_PASSPHRASE=second "$ARCHIVIST" key add --note 'in the safe' repo
opens $passphrase && opens second
status 0 archivist key list repo
[ "$(wc -l <out)" = 2 ]
prints '^[0-9a-f]{12}  repository  scrypt N=2\^17  [0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\+00:00  in the safe$' \
  '^[0-9a-f]{12}  repository  scrypt N=2\^15  - +\(opened now\)$'
[ "$(grep -c 'opened now' out)" = 1 ]

say "remove"
second=$(grep 'in the safe' out | cut -c1-12)
first=$(grep -v 'in the safe' out | cut -c1-12)
status 2 archivist key remove repo nonsense
says "no key slot has an id that begins with 'nonsense'" 'key list'
cp "repo/keys/$second"* repo/keys/"${second:0:3}${second:0:3}$(printf '%058x' 1)"
status 2 archivist key remove repo "${second:0:3}"
says '2 key slots have an id that begins with'
rm repo/keys/*"$(printf '%058x' 1)"
status 0 archivist key remove repo "$second"
opens second && fail "a removed passphrase still opens it"
[ -z "$(ls repo/locks)" ]
status 2 archivist key remove repo "$first"
says 'last key slot'
opens $passphrase

say "change the passphrase"
status 0 env ARCHIVIST_NEW_PASSPHRASE=third "$ARCHIVIST" key change-passphrase repo
opens $passphrase && fail "the old passphrase still opens it"
opens third
[ "$(ARCHIVIST_PASSPHRASE=third archivist key list repo | wc -l)" = 1 ]
status 2 setsid env ARCHIVIST_PASSPHRASE=third "$ARCHIVIST" key change-passphrase repo </dev/null
opens third
printf 'from a pipe\n' | ARCHIVIST_PASSPHRASE=third ARCHIVIST_NEW_PASSPHRASE_FD=0 \
  archivist key change-passphrase repo
opens 'from a pipe'
export ARCHIVIST_PASSPHRASE='from a pipe'

say "what a guess costs"
cost() { ARCHIVIST_PASSPHRASE=$1 archivist key list "$2" | sed -n 's/.*scrypt N=2^\([0-9]*\).*opened now.*/\1/p'; }
before=$ARCHIVIST_PASSPHRASE
export ARCHIVIST_PASSPHRASE=$passphrase
status 0 archivist init cost
[ -s err ] && fail "a passphrase that is long and random is no reason to say anything: $(cat err)"
[ "$(cost $passphrase cost)" = 15 ]
# At the same passphrase, and back.
for number in 18 15; do
  status 0 env ARCHIVIST_NEW_PASSPHRASE=$passphrase "$ARCHIVIST" key change-passphrase --kdf-cost $number cost
  [ "$(cost $passphrase cost)" = $number ]
done
status 0 env ARCHIVIST_NEW_PASSPHRASE='correct horse' "$ARCHIVIST" key add cost
says 'passphrase is weak: 25 bits by estimate'
[ "$(cost 'correct horse' cost)" = 17 ]
status 0 env ARCHIVIST_NEW_PASSPHRASE='correct horse battery staple' \
  "$ARCHIVIST" key change-passphrase cost
[ -s err ] && fail "it is not so weak: $(cat err)"
[ "$(cost 'correct horse battery staple' cost)" = 17 ]
status 0 env ARCHIVIST_PASSPHRASE=short "$ARCHIVIST" init --kdf-cost 2^16 --info cheap
says 'is weak' 'N = 2\^16, 64 MiB'
[ "$(cost short cheap)" = 16 ]
status 2 archivist init --kdf-cost 14 never
# Nobody drew it.
export ARCHIVIST_PASSPHRASE='correct horse battery staple'
for made in ToBeOrNotToBeThatIsTheQuestionWhether1600 'p.A.s.S.w.0.r.d.1.2.3.4.5.6.7.8.' '!Q@W#E$R%T^Y&U*I1q2w3e4r' \
  'acid brim coal dusk envy flax glue husk' d41d8cd98f00b204e9800998ecf8427e; do
  status 0 env ARCHIVIST_NEW_PASSPHRASE="$made" "$ARCHIVIST" key change-passphrase cost
  export ARCHIVIST_PASSPHRASE=$made
  [ "$(cost "$made" cost)" = 17 ]
done
# A program did.
for made in dytZnpTVuHufQW3Mlpzwys7oaZZRpUWU 'h4#Vx9!qLw2Zr%T8m&Kd7^uJp3@RcYn5' 'k9Xv2QmZpR7sTn4WbLc8Yg==' \
  3fb8a7c1-6d52-4e09-9a1f-c47b20e5d638; do
  status 0 env ARCHIVIST_NEW_PASSPHRASE="$made" "$ARCHIVIST" key change-passphrase cost
  export ARCHIVIST_PASSPHRASE=$made
  [ "$(cost "$made" cost)" = 15 ]
done
status 0 env ARCHIVIST_NEW_PASSPHRASE='correct horse battery staple' \
  "$ARCHIVIST" key change-passphrase cost
export ARCHIVIST_PASSPHRASE=$passphrase
(ulimit -d 150000
  status 0 env ARCHIVIST_PASSPHRASE='correct horse battery staple' "$ARCHIVIST" init little
  says 'N = 2\^16 instead of 2\^17, because .* MiB of memory are available'
  status 2 archivist init --kdf-cost 18 never
  says '--kdf-cost 18 takes 256.* MiB of memory'
  ulimit -d 100000
  status 2 env ARCHIVIST_PASSPHRASE='correct horse battery staple' "$ARCHIVIST" list cost
  says 'not enough memory to stretch the passphrase: that takes 128 MiB, and .* MiB are available' \
    'raise the limit' 'key add --kdf-cost 15')
(ulimit -v 60000
  status 2 archivist init never
  says 'not enough memory to stretch the passphrase: that takes 32 MiB, and .* MiB are available'
  [ "$(grep -c . err)" = 1 ]
  ! grep -q 'kdf-cost' err || fail "a lower cost is of no use")
rm -rf never
[ "$(cost 'correct horse battery staple' little)" = 16 ]
[ ! -e never ]
export ARCHIVIST_PASSPHRASE=$before

say "an empty passphrase is refused unless it is asked for, and the error names where it came from"
# Whoever has no terminal, and no other passphrase.
alone() { (unset ARCHIVIST_PASSPHRASE && setsid --wait "$@"); }
status 2 alone env ARCHIVIST_PASSPHRASE_FD=0 "$ARCHIVIST" init empty </dev/null
says 'ARCHIVIST_PASSPHRASE_FD, is empty' 'ARCHIVIST_EMPTY_PASSPHRASE_IS_OK=yes'
status 2 alone env ARCHIVIST_PASSCOMMAND=true "$ARCHIVIST" init empty
says 'ARCHIVIST_PASSCOMMAND has printed, is empty'
status 2 alone env ARCHIVIST_PASSPHRASE= "$ARCHIVIST" init empty
says 'ARCHIVIST_PASSPHRASE, is empty'
[ ! -e empty ] || fail "something was made"
status 0 alone env ARCHIVIST_PASSPHRASE= "$ARCHIVIST" init --encryption none empty-none
for command in add change-passphrase; do
  for source in PASSPHRASE= PASSCOMMAND=true PASSPHRASE_FD=0; do
    status 2 env "ARCHIVIST_NEW_$source" "$ARCHIVIST" key $command repo </dev/null
    says "ARCHIVIST_NEW_${source%%=*}.*is empty" 'Nothing was changed'
  done
  status 2 setsid --wait "$ARCHIVIST" key $command repo </dev/null
  says 'none of ARCHIVIST_NEW_PASSPHRASE, ARCHIVIST_NEW_PASSCOMMAND and ARCHIVIST_NEW_PASSPHRASE_FD'
done
[ "$(archivist key list repo | wc -l)" = 1 ]
status 2 alone env ARCHIVIST_PASSPHRASE_FD=0 "$ARCHIVIST" list repo </dev/null
says 'ARCHIVIST_PASSPHRASE_FD, is empty, and opens nothing'
status 52 alone env ARCHIVIST_PASSCOMMAND=true "$ARCHIVIST" list --exit-codes modern repo
says 'ARCHIVIST_PASSCOMMAND has printed, is empty, and opens nothing'
status 2 alone "$ARCHIVIST" list repo
says 'none of ARCHIVIST_PASSPHRASE,'
status 0 alone env ARCHIVIST_EMPTY_PASSPHRASE_IS_OK=yes ARCHIVIST_PASSPHRASE= "$ARCHIVIST" init empty
status 0 alone env ARCHIVIST_PASSPHRASE= "$ARCHIVIST" list empty
status 0 alone env ARCHIVIST_PASSCOMMAND=true "$ARCHIVIST" list empty
status 2 alone env ARCHIVIST_PASSPHRASE=x "$ARCHIVIST" list empty
says 'the passphrase is wrong'

say "export and import"
status 0 archivist key export repo exported.key
[ "$(stat -c %a exported.key)" = 600 ]
status 2 archivist key export repo exported.key
says 'exported.key: is there already'
archivist key export repo - | cmp - exported.key
[ ! -e - ] || fail "- is a file"
say "the repository of the environment"
for name in ARCHIVIST_REPO BORG_REPO; do
  named() { env "$name=$PWD/repo" "$ARCHIVIST" "$@"; }
  status 0 named key list
  status 0 named key export
  cmp out exported.key
  status 0 named key export --paper
  status 0 named key export :: named.key
  cmp named.key exported.key
  status 2 named key export other-place.key
  says 'no repository here' 'key export :: other-place.key'
  status 0 named key import named.key
  rm named.key
  status 0 env ARCHIVIST_NEW_PASSPHRASE=named "$name=$PWD/repo" "$ARCHIVIST" key add
  slot=$(named key list | awk '!/opened now/ { print $1 }')
  status 2 named key remove
  says 'the slot is missing'
  status 2 named key remove zz
  says "begins with 'zz'"
  status 0 named key remove "$slot"
done
status 2 archivist key import exported.key
says 'the file is missing, or --paper'
status 2 archivist key passwd repo
says "did you mean 'key change-passphrase'"
status 2 archivist key rm repo
says "did you mean 'key remove'"
cp exported.key other.key
ln -s other.key link.key
ln -s nowhere dangling.key
for name in link.key dangling.key; do
  status 2 archivist key export repo "$name"
  says "$name: is there already"
done
cmp exported.key other.key && [ -L link.key ] && [ ! -e nowhere ]
status 2 archivist key export repo .
status 2 archivist key export repo missing/directory/key
[ ! -e missing ] || fail "a directory was made: the medium that is meant is not there"
# Devices and pipes stay what they are.
mkfifo pipe
cat pipe >piped.key &
status 0 archivist key export repo pipe
wait $!
[ -p pipe ]
archivist key export repo /dev/stdout >redirected.key
archivist key export repo /dev/stdout | cat >shown.key
archivist key export repo >(cat >substituted.key)
archivist key export repo /dev/null
[ -c /dev/null ] && [ -L /dev/stdout ]
for _ in $(seq 50); do [ ! -s substituted.key ] || break; sleep 0.1; done
for name in piped redirected shown substituted; do cmp exported.key $name.key; done
if [ "$(id -u)" = 0 ]; then
  # A disk is not written over, nor what somebody else may have put in the way.
  mknod disk b 7 200
  status 2 archivist key export repo disk
  says 'disk: is a disk'
  [ -b disk ]
  mkfifo trap && chown 12345 trap
  status 2 archivist key export repo trap
  says "trap: belongs to another user"
  ln -s pipe trap-link && chown -h 12345 trap-link
  status 2 archivist key export repo trap-link
  says "trap-link: belongs to another user"
fi
status 0 archivist key export --paper repo
cp out page.txt
say "$(wc -l <page.txt) lines on paper"
for copy in exported.key page.txt; do
  rm repo/keys/*
  status 2 archivist list repo
  says 'key import'
  status 42 archivist list --exit-codes modern repo
  status 0 archivist key import repo $copy
  opens 'from a pipe'
  opens third && fail "another passphrase opens it"
done
(mkdir restored && cd restored && archivist extract ../repo::first)
diff -r tree restored/tree

say "a page with a code"
status 2 archivist key export --paper --qr-html repo page.html
status 2 env PATH=/nonexistent "$ARCHIVIST" key export --qr-html repo page.html
says 'qrencode is not there' '--paper'
[ ! -e page.html ]
mkdir broken
printf '#!/bin/sh\ncat >/dev/null\nexit 3\n' >broken/qrencode
chmod +x broken/qrencode
status 2 env PATH="$PWD/broken:$PATH" "$ARCHIVIST" key export --qr-html repo page.html
says 'qrencode.*failed with exit status 3'
status 0 strace -f -o calls -s 4096 -e trace=execve "$ARCHIVIST" key export --qr-html repo page.html
grep -q 'qrencode' calls
key=$(sed -n 's/^ *1: \([0-9a-f ]*\) -.*/\1/p' page.html | tr -d ' ')
[ "${#key}" = 64 ]
grep -qi "$key" calls && fail "the key is among the arguments"
[ "$(stat -c %a page.html)" = 600 ]
status 2 archivist key export --qr-html repo page.html
says 'page.html: is there already'
grep -q '^<!doctype html>$' page.html
grep -qE 'src=|href=' page.html && fail "the page needs something else"
python3 - <<'PYTHON'
import re, xml.dom.minidom
page = open("page.html").read()
image = re.search(r"<svg.*</svg>", page, re.S)[0]
xml.dom.minidom.parseString(image)
open("code.svg", "w").write(image)
# The page is text as well.
open("text.txt", "w").write(re.search(r"<pre>\n(.*)</pre>", page, re.S)[1])
PYTHON
rsvg-convert --width=1200 --background-color=white --output=code.png code.svg
zbarimg --nodbus --quiet --raw code.png >scanned.txt
for copy in scanned.txt text.txt; do
  rm repo/keys/*
  status 0 archivist key import repo $copy
  opens 'from a pipe'
  cmp <(archivist key export repo) exported.key
done

say "a page with a typing error"
python3 - <<'PYTHON'
text = open("page.txt").read().split("\n")
# The longest line holds key material: change one character that is a letter or a digit.
index = max(range(len(text)), key=lambda i: len(text[i]) if any(c.isdigit() for c in text[i]) else 0)
line = text[index]
at = max(i for i, c in enumerate(line) if c.isalnum())
text[index] = line[:at] + ("b" if line[at] != "b" else "c") + line[at + 1:]
open("typo.txt", "w").write("\n".join(text))
PYTHON
cp -r repo/keys keys-before
status 2 archivist key import repo typo.txt
diff -r keys-before repo/keys
status 2 archivist key import repo tree/file
status 43 archivist key import --exit-codes modern repo tree/file
status 2 archivist key import repo no-such-file
says 'no-such-file'

say "the key of another repository"
archivist init other
status 2 archivist key import other exported.key
says 'another repository'
status 45 archivist key import --exit-codes modern other exported.key
cp repo/keys/* other/keys/
status 1 archivist list other # A slot that belongs elsewhere opens nothing, and breaks nothing.
says 'is a key slot of another repository' 'archivist key remove other'
status 0 archivist key remove other "$(basename repo/keys/*)"
status 0 archivist list other
rm other/keys/*
cp repo/keys/* other/keys/
status 2 archivist list other

say "keys kept by the client"
archivist init -e keyfile kept
[ -z "$(ls kept/keys 2>/dev/null)" ] || fail "there is a key in the repository"
archivist create kept::first tree
[ "$(find home -path '*keys*' -type f | wc -l)" = 1 ]
[ "$(find home -path '*keys*' -type f -printf %m)" = 600 ]
archivist key export kept kept.key
key=$(find home -path '*keys*' -type f)
mv "$key" moved.key
status 2 archivist list kept
says 'key'
status 0 archivist key import --keyfile kept kept.key
status 0 archivist list kept
status 0 env ARCHIVIST_NEW_PASSPHRASE=changed "$ARCHIVIST" key change-passphrase kept
status 2 archivist list kept
status 0 env ARCHIVIST_PASSPHRASE=changed "$ARCHIVIST" list kept
status 0 env ARCHIVIST_PASSPHRASE=changed "$ARCHIVIST" check --verify-data kept
status 0 archivist check --verify-data repo

say "files that anybody can put among the slots"
archivist init hostile
archivist create hostile::first tree
cp -r hostile sound
# forge KIND: a slot that looks like the good one, named so that it sorts first, and older.
forge() {
  python3 - "$1" <<'PYTHON'
import hashlib, os, sys
directory, kind = "hostile/keys", sys.argv[1]
good = os.path.join(directory, min(os.listdir("sound/keys")))
slot = open(good, "rb").read()
make = {
    "noise": lambda: slot[:112] + os.urandom(len(slot) - 112),
    "work": lambda: slot[:10] + bytes([20, 4]) + slot[12:48] + os.urandom(len(slot) - 48),
    "alike": lambda: slot[:48] + os.urandom(len(slot) - 48),
    "version": lambda: slot[:8] + b"\7" + os.urandom(32) + slot[41:],
    "clear": lambda: slot[:8] + bytes([1, 0, 0, 0, 0, 0, 0, 0]) + slot[16:48] + os.urandom(len(slot) - 48),
    "nothing": lambda: b"",
}[kind]
data = make()
while kind != "nothing" and hashlib.sha256(data).hexdigest() > os.path.basename(good):
    data = make()
name = os.path.join(directory, hashlib.sha256(data).hexdigest())
open(name, "wb").write(data)
os.utime(name, (1, 1))
PYTHON
}
for kind in noise work alike version clear nothing; do
  forge $kind
  wanted=1
  case $kind in work | alike | clear) wanted=0 ;; esac # They could be of other passphrases.
  status $wanted archivist list hostile
  prints '^first '
  rm -r hostile/keys
  cp -r sound/keys hostile/keys
done

say "more files than slots there may be"
for number in $(seq 35); do forge alike; done
for number in $(seq 20); do echo "$number" >"hostile/keys/$(printf '%064x' "$number")"; done
mkdir -m 0 "hostile/keys/$(printf '%064x' 0)"
status 1 archivist create hostile::second tree
says 'failed authentication'
status 1 archivist extract --dry-run hostile::second
status 2 env ARCHIVIST_PASSPHRASE=wrong "$ARCHIVIST" list hostile
says 'passphrase is wrong'
status 2 env ARCHIVIST_NEW_PASSPHRASE=second "$ARCHIVIST" key add hostile
says '32 key slots'
status 1 env ARCHIVIST_NEW_PASSPHRASE=changed "$ARCHIVIST" key change-passphrase hostile
status 1 env ARCHIVIST_PASSPHRASE=changed "$ARCHIVIST" key list hostile
[ "$(grep -c 'not usable' out)" = 21 ]
[ "$(grep -c 'opened now' out)" = 1 ]
for slot in $(awk '!/opened now/ { print $1 }' out); do
  # Of names that begin alike the whole one is needed.
  [ "$slot" = 000000000000 ] && continue
  status 0 env ARCHIVIST_PASSPHRASE=changed "$ARCHIVIST" key remove hostile "$slot"
done
for number in $(seq 20); do
  status 0 env ARCHIVIST_PASSPHRASE=changed "$ARCHIVIST" \
    key remove hostile "$(printf '%064x' "$number")"
done
rmdir "hostile/keys/$(printf '%064x' 0)"
[ "$(ls hostile/keys | wc -l)" = 1 ]
status 0 env ARCHIVIST_PASSPHRASE=changed "$ARCHIVIST" check --verify-data hostile

say "owners who remove each other's slot at the same moment"
export ARCHIVIST_PASSPHRASE=changed
for round in 1 2 3; do
  status 0 env ARCHIVIST_NEW_PASSPHRASE=other "$ARCHIVIST" key add hostile
  status 0 archivist key list hostile
  mine=$(grep 'opened now' out | cut -c1-12)
  other=$(grep -v 'opened now' out | cut -c1-12)
  status 2 archivist key remove hostile "$mine"
  says 'passphrase of another one'
  archivist key remove hostile "$other" 2>mine.err & first=$!
  ARCHIVIST_PASSPHRASE=other archivist key remove hostile "$mine" 2>other.err & second=$!
  one=0
  two=0
  wait $first || one=$?
  wait $second || two=$?
  [ "$one" != 0 ] || [ "$two" != 0 ] || fail "both have removed the other"
  if ! archivist list hostile >/dev/null 2>&1; then
    ARCHIVIST_PASSPHRASE=other archivist list hostile >/dev/null
    export ARCHIVIST_PASSPHRASE=other
  fi
  [ -z "$(ls hostile/locks)" ]
  # Back to one slot, under the first passphrase.
  status 0 archivist key list hostile
  for slot in $(awk '!/opened now/ { print $1 }' out); do archivist key remove hostile "$slot"; done
  ARCHIVIST_NEW_PASSPHRASE=changed archivist key change-passphrase hostile
  export ARCHIVIST_PASSPHRASE=changed
done
