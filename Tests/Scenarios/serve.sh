#!/usr/bin/env bash
# Repositories on another machine, over a real sshd: everything works as it does locally, forced
# commands restrict, and a lost connection loses nothing.
source "$(dirname "$0")/lib.sh"
services=$scenarios/../Services

mkdir bin && ln -s "$ARCHIVIST" bin/archivist
remote() { "$services/sshd.sh" "$@"; }
eval "$(remote start "$work/sshd")"
export ARCHIVIST_RSH ARCHIVIST_REMOTE_PATH=$work/bin/archivist
stop() { remote stop "$work/sshd"; }
endings+=(stop)

url=ssh://peer$work/repo

# left_behind: uploads and leases that are still there, a few seconds after all is over.
left_behind() {
  local _
  for _ in $(seq 1 50); do
    [ -n "$(find repo/tmp repo/locks -type f)" ] || return 0
    sleep 0.1
  done
  fail "left behind: $(find repo/tmp repo/locks -type f)"
}
mkdir -p data/sub
head -c 30000000 /dev/urandom >data/sub/large
for number in $(seq 1 300); do echo "file $number" >"data/sub/$number"; done

say 'as it is locally'
status 0 archivist init "$url"
status 0 archivist create "$url::one" data
status 0 archivist create --stats "peer:$work/repo::two" data
status 0 archivist list "$url"
prints '^one ' '^two '
mkdir ex && (cd ex && status 0 archivist extract "$url::two")
same data ex/data
status 0 archivist list "$work/repo::one"
status 0 archivist check --verify-data "$url"
status 0 archivist prune --keep-last 1 "$url"
status 0 archivist compact "$url"
status 0 archivist list "$url"
[ "$(wc -l <out)" = 1 ] || fail "prune kept $(cat out)"
status 0 archivist check --verify-data "$work/repo"
status 0 archivist check --storage-only "$url"
status 0 archivist info "$url::two"
status 0 archivist rename "$url::two" renamed
status 0 archivist create --dry-run "$url::x" data
status 0 archivist key list "$url"
status 0 archivist init "ssh://peer$work/a/b/repo" --make-parent-dirs
status 0 archivist init --encryption keyfile "ssh://peer$work/keyfile"
status 0 archivist list "ssh://peer$work/keyfile"
left_behind

say 'no passphrase reaches the program that carries the connection'
cat >bin/spy <<SPY
#!/bin/sh
env >$work/spied; ls -l /proc/self/fd >>$work/spied
shift; exec "\$@"
SPY
chmod +x bin/spy
ARCHIVIST_NEW_PASSPHRASE=secret status 0 archivist list --rsh "$work/bin/spy x $ARCHIVIST_RSH" "$url"
! grep -q 'PASSPHRASE\|secret' spied || fail "the environment of ssh: $(grep PASSPH spied)"

say 'addresses'
status 0 archivist list "ssh://peer/~/..$work/repo"
status 2 archivist list "ssh://peer$work/none"
says 'no repository here'
status 2 archivist list 'ssh://-oProxyCommand=touch,x/repo'
status 2 archivist list 'http://peer/repo'
says 'ssh://'

say 'what keeps a server from starting is explained'
status 2 archivist list --remote-path /no/such/program "$url"
says 'could not start archivist'
status 2 archivist list --rsh 'ssh -o BatchMode=yes -o ConnectTimeout=2 -p 1' "ssh://127.0.0.1/repo"
says 'could not start archivist'
status 2 archivist list --rsh /no/such/rsh "$url"
says 'could not be started'
printf '#!/bin/sh\necho "Welcome to my host!"\nexec %q "$@"\n' "$work/bin/archivist" >bin/noisy
chmod +x bin/noisy
status 2 archivist list --remote-path "$work/bin/noisy" "$url"
says 'Welcome to my host!' 'silence it'
for version in 0 9; do
  cat >bin/version <<PYTHON
#!/usr/bin/python3
import struct, sys, time
body = struct.pack(">HHQ", $version, $version, 0) + bytes([9]) + b"archivist"
sys.stdout.buffer.write(b"\x89ARCSRV\n" + struct.pack(">H", len(body)) + body)
sys.stdout.flush()
time.sleep(1)
PYTHON
  chmod +x bin/version
  status 2 archivist list --remote-path "$work/bin/version" "$url"
  if [ $version = 0 ]; then says 'upgrade archivist on the server'; else
    says 'upgrade archivist on this machine'; fi
done

# key NAME COMMAND: a key with that forced command; $key is then the repository as it sees it.
key() {
  remote key "$work/sshd" "$1" "$work/bin/archivist serve $2" >/dev/null
  key=ssh://$1$work/repo
}

say 'append-only: backups are added, nothing goes, and a trusted machine prunes'
key adder "--append-only --restrict-to-path $work/repo --info"
status 0 archivist create "$key::added" data
says 'opened' 'added archives/'
archivist create --checkpoint-interval 1 "$key::more" data
status 2 archivist delete "$key::added"
says 'permits adding archives only'
status 2 archivist prune --keep-last 1 "$key"
status 2 archivist compact "$key"
status 2 archivist rename "$key::added" other
status 2 archivist init "ssh://adder$work/repo/inner"
status 2 archivist list "ssh://adder$work/a/b/repo"
says 'does not permit this path'
status 0 archivist list "$url"
prints '^added ' '^more ' '^renamed '
status 0 archivist check "$url"
status 0 archivist prune --keep-last 2 "$url"
status 0 archivist compact "$url"

say 'the forced command wins over what the client asks for'
for asked in "archivist serve --restrict-to-path /" "archivist serve" "archivist serve --info"; do
  cat >bin/ask <<ASK
#!/bin/bash
words=("\$@"); unset 'words[-1]'
exec ssh -F "$SSH_CONFIG" "\${words[-1]}" "$asked"
ASK
  chmod +x bin/ask
  status 2 archivist delete --rsh "$work/bin/ask" "$key::more"
  says 'permits adding archives only'
done
status 0 ssh $SSH_OPTS peer true
status 2 ssh $SSH_OPTS adder 'cat /etc/passwd'
says 'serves archivist only'
status 2 ssh $SSH_OPTS adder 'sh -c "archivist serve"'
status 2 ssh $SSH_OPTS adder 'archivist list /'
key plain "--restrict-to-repository $work/repo"
sed -i 's/"\$asked"/x/' bin/ask
printf '#!/bin/bash\nexec ssh -F %q plain "archivist serve --read-only"\n' "$SSH_CONFIG" >bin/ask
status 2 archivist create --rsh "$work/bin/ask" "$key::x" data
says 'permits reading only'

say 'read-only, quota, one repository'
key reader "--read-only"
status 0 archivist list "$key"
status 0 archivist extract --dry-run "$key::more"
status 2 archivist create "$key::x" data
says 'permits reading only'
key small "--storage-quota $(($(bytes repo) / 1000 + 5000))K"
head -c 50000000 /dev/urandom >large2
status 2 archivist create "$key::x" large2
says 'quota'
status 0 archivist create "$key::fits" data
key one "--restrict-to-repository $work/repo --restrict-to-repository $work/other"
status 0 archivist list "$key"
status 2 archivist list "ssh://one$work/a/b/repo"
says 'does not permit this path'
status 2 archivist init "ssh://one$work/new"
status 0 archivist init "ssh://one$work/other"

# uploading: waits until an upload is under way.
uploading() {
  local _
  for _ in $(seq 1 600); do
    [ -z "$(find repo/tmp -type f -size +0)" ] || return 0
    sleep 0.05
  done
  fail "no upload begins: $(cat err)"
}

# cut: ends the ssh of the client.
cut() { kill -KILL "$(pgrep -P "$client")"; }

say 'a connection that is cut is made again'
for round in 1 2 3; do
  head -c 40000000 /dev/urandom >data/new
  "$ARCHIVIST" create --upload-ratelimit 20000 "$url::cut-$round" data 2>err &
  client=$!
  uploading
  sleep 0.$((round * 2))
  cut
  wait $client || { cat err; fail "not survived: $(cat err)"; }
  rm -rf ex && mkdir ex && (cd ex && status 0 archivist extract "$work/repo::cut-$round")
  same data ex/data
done
rm -rf ex && mkdir ex
(cd ex && exec "$ARCHIVIST" extract --download-ratelimit 30000 "$url::cut-3" 2>../err) &
client=$!
for _ in $(seq 1 600); do [ ! -d ex/data ] || break; sleep 0.05; done
cut
wait $client || fail "not survived: $(cat err)"
same data ex/data
left_behind

say 'a client that is killed leaves nothing behind'
head -c 40000000 /dev/urandom >data/new
"$ARCHIVIST" create --upload-ratelimit 5000 "$url::killed" data 2>err &
client=$!
uploading
[ -n "$(ls repo/locks)" ] || fail "no lease while it runs"
kill -KILL $client
wait $client 2>/dev/null || true
left_behind
status 0 archivist check "$url"

say 'a server that stays away ends in an error, and an intact repository'
"$ARCHIVIST" create --upload-ratelimit 5000 "$url::gone" data 2>err &
client=$!
uploading
chmod -x "$work/bin" && mv bin bin-away
cut
found=0
wait $client || found=$?
mv bin-away bin && chmod +x "$work/bin"
[ $found = 2 ] || fail "exit status $found: $(cat err)"
grep -q 'connection to the server was lost' err || fail "$(cat err)"
status 0 archivist check "$url"
status 0 archivist create "$url::after" data
