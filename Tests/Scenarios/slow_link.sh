#!/usr/bin/env bash
# A server at the end of a slow link with a long way: what counts is how often somebody waits for an
# answer, and that the link is kept full.
source "$(dirname "$0")/lib.sh"
services=$scenarios/../Services

mkdir bin && ln -s "$ARCHIVIST" bin/archivist
eval "$("$services/sshd.sh" start "$work/sshd")"
export ARCHIVIST_REMOTE_PATH=$work/bin/archivist
near=$SSH_CONFIG
stop() { "$services/tcpfault.py" stop "$work/proxy" || true; "$services/sshd.sh" stop "$work/sshd"; }
endings+=(stop)

# link OPTION…: what reaches the server from now on.
link() {
  "$services/tcpfault.py" stop "$work/proxy"
  eval "$("$services/tcpfault.py" start "$work/proxy" "$SSHD_PORT" --seconds 900 "$@")"
  sed "s/^  Port .*/  Port $PROXY_PORT/" "$near" >far_config
  export ARCHIVIST_RSH="ssh -F $work/far_config"
}
seconds() { awk "BEGIN { printf \"%.1f\", $EPOCHREALTIME - $1 }"; }

say 'round trips, with 50 ms each way'
link --latency 50
trips() { # WHAT LIMIT COMMAND…: it succeeds, with no more than LIMIT round trips
  local what=$1 limit=$2 start=$EPOCHREALTIME found
  shift 2
  status 0 "$@"
  found=$(sed -n 's/.*requests in \([0-9]*\) round trips.*/\1/p' "$work/err" | tail -1)
  say "$what: ${found:-no} round trips, $(seconds "$start") s"
  figure "$what, round trips" "$found"
  [ -n "$found" ] && [ "$found" -le "$limit" ] || fail "$what: ${found:-no} round trips, at most $limit"
}
# Without encryption no time is spent on passphrases.
status 0 archivist init --encryption none many
mkdir tiny && echo x >tiny/x
# shellcheck disable=SC2016
seq 1000 | xargs -P 4 -I '{}' "$ARCHIVIST" create "many::{}" tiny
status 0 archivist list many
trips 'list of 1,000 archives' 12 archivist list --debug "ssh://peer$work/many"
[ "$(wc -l <out)" = 1000 ] || fail "$(wc -l <out) archives"
# What is cached by now is not asked for.
trips 'the same again' 12 archivist list --debug "ssh://peer$work/many"
trips 'opening it, and looking into one archive' 24 archivist info --debug "ssh://peer$work/many::500"

# Other secrets, and related ones.
mkdir many-files
head -c 30000000 /dev/urandom | split -b 20000 -a 4 - many-files/
status 0 archivist create many::files many-files
status 0 archivist init --encryption none strangers
status 0 archivist init --encryption none --like many related
for other in strangers related; do
  trips "copy of 30 MB to $other" 40 archivist copy --debug "ssh://peer$work/many" "$other" files
  status 0 archivist check --verify-data "$other"
done

say 'throughput of a link of 8 MiB a second, with and without 50 ms there and back'
mkdir -p data/files
head -c 80000000 /dev/urandom >data/large
head -c 20000000 /dev/urandom | split -b 20000 -a 4 - data/files/
status 0 archivist init "repo-0" && status 0 archivist init "repo-25"
declare -A took
timed() { # WHAT LATENCY COMMAND…
  local key="$1 $2" start=$EPOCHREALTIME
  shift 2
  status 0 "$@"
  took[$key]=$(seconds "$start")
}
for latency in 0 25; do
  link --rate 8192 --latency "$latency"
  timed create "$latency" archivist create "ssh://peer$work/repo-$latency::a" data
  mkdir "out-$latency" && cd "out-$latency"
  timed extract "$latency" archivist extract "ssh://peer$work/repo-$latency::a"
  cd ..
  same data "out-$latency/data"
done
# Of both runs the link is what takes the time, whatever else this machine does: 11.9 seconds. Logging
# in takes some round trips of its own, which no amount of data makes more.
for what in create extract; do
  ratio=$(awk "BEGIN { printf \"%.2f\", ${took[$what 0]} / ${took[$what 25]} }")
  say "$what: ${took[$what 0]} s without, ${took[$what 25]} s with it: $ratio of the throughput"
  figure "$what, throughput with 50 ms there and back" "$ratio"
  awk "BEGIN { exit !($ratio >= 0.8) }" || fail "$what: $ratio of the throughput is left"
done
for latency in 0 25; do status 0 archivist check "repo-$latency"; done
