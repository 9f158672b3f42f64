#!/usr/bin/env bash
# The programs in Examples: built as others would build them, beside a module called Crypto, and run.
source "$(dirname "$0")/lib.sh"

say "a first archive, made by the library alone"
root=$scenarios/../..
swift build --package-path "$root/Examples" --scratch-path "$root/.build/examples" >build 2>&1 ||
  { cat build >&2; fail "it does not build"; }
"$root/.build/examples/debug/FirstArchive" "$work" >made
diff - made <<'TEXT'
first: greetings/hello.txt: Hello
first: greetings/later.txt: Goodbye
also linked: SHA-256
TEXT

say "is one for the program as well"
export ARCHIVIST_PASSPHRASE='correct horse battery staple'
archivist extract repo::first
diff <(printf Hello) greetings/hello.txt
diff <(printf Goodbye) greetings/later.txt
status 0 archivist check --verify-data repo
