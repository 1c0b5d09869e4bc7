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
#   benches/peers/run.sh score [--rounds N] [--models PART] [--avx2] [--record] [--json]
#       Serves models that the other libraries trained, 200,000 payments of 30 values each, with
#       shroff and with whoever can hold the same model: lleaves, tl2cgen and LightGBM its 100 and
#       500 leaf-wise trees, CatBoost its 100 and 500 symmetric ones, tl2cgen scikit-learn's forest,
#       XGBoost and tl2cgen 100 trees of XGBoost's; besides, ONNX Runtime what it can hold. Every
#       driver is a process without Python in its loops (`score/drivers/`, `score/ours.rs`), takes
#       the address of 30 f32 and gives a probability in f64: each call alone in random order (p50,
#       p99, p99.9, the clock's own cost taken off), all rows by one thread, and loading. Nothing is
#       compared that does not score alike: ours lies within 1e-12 of the library that trained, on
#       every row. For XGBoost, which adds in f32, what counts is the sum of its leaves in f64.
#       Reading a row in random order alone takes some 0.17 us, of theirs and of ours.
#       Ratios are ours over theirs within a round, the median of the rounds. The four of the last
#       line are the worst of the first five models, each against the best of its peers:
#         p50_ratio           nanoseconds of a single row, ours over theirs: low is good
#         batch_ratio         rows a second of one thread, ours over theirs: high is good
#         two_thread_scaling  how much two threads of ours score in the time of one, over what the
#                             same gives for arithmetic: 1 is as good as the machine
#         load_ratio          milliseconds to load, ours over LightGBM's
#       --avx2 keeps ours from AVX-512, --record writes benches/record/score-DATE.md, --models takes
#       only models whose names hold PART. Five rounds by default: six minutes, and five more the
#       first time, for training and compiling. Needs gcc and binutils besides.
#
#   benches/peers/run.sh velocity [--rounds N] [--threads N] [--json]
#       Computes the twelve features over time of the Fraud Detection Handbook (customer: number and
#       mean of payments, terminal: number and share of frauds, over 1, 7 and 30 days) on its 1.75
#       million transactions, which SHROFF_DATA=FOLDER holds, else on as many simulated ones: with
#       shroff, with pandas as the book does and by groupby(...).rolling, with numpy by prefix sums of
#       sorted rows, with polars by rolling_*_by(...).over(key), all columns in one lazy query. Each run
#       is a process of its own. Ratios are seconds of theirs over ours, reading and writing aside,
#       within a round, the median of the rounds: high is good. whole_process_ratio is that of the
#       book's process over `shroff features`. max_abs_diff is the greatest difference of a value to
#       pandas and numpy; polars differs where a customer pays twice in one second.
#   benches/peers/run.sh velocity --scaling [--threads N] [--json]
#       shroff alone on 1 to 50 million events, of many cold keys and of a few hot ones.
#
#   benches/peers/run.sh metric [--rounds N] [--rows N] [--threads N] [--json]
#       ROC AUC and average precision of 10 million scores, one in two hundred a fraud, with shroff and
#       with scikit-learn's roc_auc_score and average_precision_score; once with scores that all differ
#       and once with a thousand different ones. Each run is a process of its own, reading aside. shroff
#       ranks once for both (both_ratio), and for each alone (roc_auc_ratio, average_precision_ratio).
#       Ratios are seconds of theirs over ours within a round, the median of the rounds, the worse of
#       the two tables: high is good. max_abs_diff is the greatest difference of a measure.
#
#   SHROFF_DATA=FOLDER benches/peers/run.sh prequential [--json]
#       The prequential validation of the Fraud Detection Handbook, chapter 5, on its own 15 features
#       (FOLDER/handbook/features.parquet): `[search]` chooses learner and parameters on its validation
#       folds, `backtest` fits and judges them on its four test folds, beside the book's two best
#       XGBoost models under the defaults of its time. Every model is measured by the book's definitions
#       in numpy and scikit-learn, and `backtest` has to say the same: mean and population deviation of
#       average_precision, card_precision_at_100 and roc_auc.
#
# The table goes to stdout and progress to stderr; with --json the table goes to stderr too and the
# last line of stdout is one JSON object. Needs Linux, the Rust toolchain, python3 from 3.11 on with
# venv and, the first time, the network for pip. Everything is put below target/peers/ and used
# again by the next run. On a machine that does other work believe no ratio of times: each run says
# how many cores others kept busy.
#
# Each comparison is a folder here with a __main__.py and its requirements.txt, and an example
# NAME_ours and a feature NAME of shroff-benches.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
target="${CARGO_TARGET_DIR:-$root/target}"
work="$target/peers"

fail() {
    echo "run.sh: error: $*" >&2
    exit 1
}

# A Python environment with exactly the libraries of NAME/requirements.txt; a finished one holds a copy of it.
environment() {
    if cmp -s "$wanted" "$venv/requirements.txt"; then
        return
    fi
    python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' ||
        fail "expected python3 from 3.11 on with its venv module, found: $(python3 --version 2>&1 || true)"
    echo "run.sh: installing the libraries into $venv" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
        --no-deps -r "$wanted" >&2 ||
        fail "pip could not install $wanted: it needs the network, or PIP_INDEX_URL of a mirror"
    cp "$wanted" "$venv/requirements.txt"
}

[[ "$(uname -s)" == Linux ]] || fail "expected Linux, whose /proc tells memory and time, found $(uname -s)"
name="${1:-}"
[[ -n "$name" && -f "$here/$name/__main__.py" ]] ||
    fail "expected a comparison: train, score, velocity, metric or prequential; found '${name:-nothing}' (the head of $0 says more)"
shift
wanted="$here/$name/requirements.txt" venv="$work/$name/venv"
mkdir -p "$work/$name"
environment
cargo build --quiet --release --locked --manifest-path "$root/Cargo.toml" \
    -p shroff-benches --features "$name" --example "${name}_ours" >&2
# What the comparisons share lies beside their folders.
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here"
exec "$venv/bin/python" "$here/$name" \
    --program "$target/release/examples/${name}_ours" --work "$work" "$@"
