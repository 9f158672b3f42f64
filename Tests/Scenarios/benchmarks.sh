#!/usr/bin/env bash
# The benchmarks of the library's parts, and of its scale, are built, and measure something: small, and
# without a word about how fast it is.
source "$(dirname "$0")/lib.sh"
root=$scenarios/../..
programs=$root/.build/benchmarks-debug

say "they are built"
swift build --package-path "$root/Benchmarks" --scratch-path "$programs" -Xswiftc -enable-testing >build 2>&1 ||
  { grep error: build >&2; fail "they are not built"; }

for kind in index items archives; do
  say "many $kind, but few"
  number=$([ $kind = archives ] && echo 20 || echo 20000)
  mkdir $kind
  "$programs/debug/Scale" "make-$kind" $kind $number | jq -e '.make > 0' >shown
  "$programs/debug/Scale" $kind $kind $number | jq -e '.peak > 0 and length > 3' >shown
done
