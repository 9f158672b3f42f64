#!/usr/bin/env bash
# What create, extract and list select, compared with borg 1.4 over generated trees and patterns.
#
#   select_like_borg.sh [COUNT [SEED]]     COUNT runs of each kind, 75 by default
source "$(dirname "$0")/lib.sh"

: "${BORG:=borg}"
python=$(dirname "$(command -v "$BORG")")/python3
"$python" -c 'import borg' 2>/dev/null || python=python3
mkdir generated
seed=${2:-$RANDOM}
say "seed $seed"
PYTHONUTF8=1 "$python" -W ignore "$scenarios/select_like_borg.py" "$ARCHIVIST" "$work/generated" "${1:-75}" "$seed"
