#!/usr/bin/env bash
# Runs every fuzz target for a fixed number of executions, one after the other, and says how many there were. What is found
# joins the folder named (default: below the target folder); what fails stops the run and lies in artifacts/.
#     tests/fuzz/run.sh [SHARE in percent of the counts, default 100] [FOLDER]
# SANITIZER=address finds errors of memory as well, in ten times the time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
share="${1:-100}" found="${2:-${CARGO_TARGET_DIR:-fuzz/target}/found}"

run() {
    local target="$1" runs=$(($2 * share / 100))
    mkdir -p "$found/$target"
    echo "$target: $runs executions"
    # Its last lines alone: the count, or what failed.
    nice -n 19 cargo +nightly fuzz run --fuzz-dir fuzz --sanitizer "${SANITIZER:-none}" "$target" \
        "$found/$target" "fuzz/corpus/$target" -- -runs="$runs" -max_len=16384 -rss_limit_mb=512 \
        -timeout=10 -len_control=0 -print_final_stats=1 -verbosity=0 2>&1 | tail -n 12
}

run state 4000000
run raw 3000000
run section 1700000
run snapshot 900000
run rehashed 500000
run rows 200000
