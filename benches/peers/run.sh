#!/usr/bin/env bash
# shroff next to other libraries, on this machine, side by side.
#
#   benches/peers/run.sh train [--rounds N] [--splits N] [--threads N] [--json]
#       Fits 200 trees on 1,000,000 x 30 generated payments with LightGBM, XGBoost, CatBoost and
#       shroff, each fit a process of its own, one library after the other in every round: seconds,
#       processor seconds, peak memory of the whole process, AUC and average precision on 200,000
#       other payments. Round r takes table r of --splits tables of different seeds. Ratios are ours
#       over theirs within a round, the median of the rounds. With SHROFF_DATA=FOLDER the
#       transactions of the Fraud Detection Handbook come after. Default: 3 rounds, 3 tables, 2
#       threads; five minutes on two quiet cores. LEAN_IMPORTS=1 keeps the other libraries from
#       importing pandas and scikit-learn, which they do when these are there: 110 MB each.
#   benches/peers/run.sh train --scaling [--threads N] [--json]
#       shroff alone on 0.1, 1 and 10 million rows.
#
# The table goes to stdout and progress to stderr; with --json the table goes to stderr too and the
# last line of stdout is one JSON object. Needs Linux, the Rust toolchain, python3 from 3.11 on with
# venv and, the first time, the network for pip. Everything is put below target/peers/ and used
# again by the next run. On a machine that does other work believe no ratio of times: "others cores"
# says how much there was.
#
# Each comparison is a folder here with a __main__.py, and an example NAME_ours of shroff-benches.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
target="${CARGO_TARGET_DIR:-$root/target}"
work="$target/peers"

fail() {
    echo "run.sh: error: $*" >&2
    exit 1
}

# A Python environment with exactly the libraries of requirements.txt; a finished one holds a copy of it.
environment() {
    if cmp -s "$here/requirements.txt" "$work/venv/requirements.txt"; then
        return
    fi
    python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' ||
        fail "expected python3 from 3.11 on with its venv module, found: $(python3 --version 2>&1 || true)"
    echo "run.sh: installing the libraries into $work/venv" >&2
    rm -rf "$work/venv"
    python3 -m venv "$work/venv"
    "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
        --no-deps -r "$here/requirements.txt" >&2 ||
        fail "pip could not install $here/requirements.txt: it needs the network, or PIP_INDEX_URL of a mirror"
    cp "$here/requirements.txt" "$work/venv/requirements.txt"
}

[[ "$(uname -s)" == Linux ]] || fail "expected Linux, whose /proc tells memory and time, found $(uname -s)"
name="${1:-}"
[[ -n "$name" && -f "$here/$name/__main__.py" ]] ||
    fail "expected a comparison: train; found '${name:-nothing}' (the head of $0 says more)"
shift
mkdir -p "$work"
environment
cargo build --quiet --release --locked --manifest-path "$root/Cargo.toml" \
    -p shroff-benches --features peers --example "${name}_ours" >&2
export PYTHONDONTWRITEBYTECODE=1
exec "$work/venv/bin/python" "$here/$name" \
    --program "$target/release/examples/${name}_ours" --work "$work" "$@"
