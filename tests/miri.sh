#!/bin/sh
# The tests of serve-lib interpreted by Miri, on this machine and on a big-endian one that it simulates:
#     tests/miri.sh [TARGET]…
# TESTS="wire snapshot::" takes only tests whose names hold one of the words. It takes
# `rustup toolchain install nightly --component miri,rust-src`. What is too slow to interpret does less, or is left out with its
# reason, by `cfg(miri)` in the tests. FAST=1 takes a third of the time: it leaves aliasing and the validity of values unchecked,
# but still finds access out of bounds or of nothing, races, leaks, and bytes that depend on the machine.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- "$(rustc -vV | sed -n 's/^host: //p')" s390x-unknown-linux-gnu
# What Miri runs names the checkout that it was made from: a target folder shared by two would run the sources of the other.
unset CARGO_TARGET_DIR
# Files and the clock are those of this machine.
flags="-Zmiri-disable-isolation ${FAST:+-Zmiri-disable-stacked-borrows -Zmiri-disable-validation -Zmir-opt-level=3}"
for target in "$@"; do
    MIRIFLAGS="$flags ${MIRIFLAGS:-}" \
        cargo +nightly miri test --locked --target "$target" -p shroff-serve --all-features --lib -- ${TESTS:-}
done
