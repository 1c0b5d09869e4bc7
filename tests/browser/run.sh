#!/usr/bin/env bash
# Opens report.html in a real headless Chromium and looks at it as a person would.
#
#   tests/browser/run.sh [--shots FOLDER] [REPORT.html METRICS.json]
#       Fails on any message on the console, on any request besides the page itself, on a value beside the
#       slider other than the one metrics.json holds for that point, on a page wider than a phone, and on
#       text with less contrast than WCAG AA asks for, in the light and the dark scheme.
#       Without a report it makes one, with `shroff retrain --demo` twice, so that there is a champion.
#       --shots keeps pictures of the page, 1280 and 390 pixels wide, in both schemes.
#
# Needs Debian's chromium and chromium-driver, which it installs when it may, and python3. SHROFF names the
# binary (default: target/release/shroff, built when it is missing). It is no part of the test command.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
shots=()
if [ "${1:-}" = --shots ]; then
    mkdir -p "$2"
    shots=(--shots "$(cd "$2" && pwd)")
    shift 2
fi
if ! command -v chromium > /dev/null || ! command -v chromedriver > /dev/null; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends chromium chromium-driver fonts-dejavu-core
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ $# -eq 0 ]; then
    shroff=${SHROFF:-$root/target/release/shroff}
    if [ ! -x "$shroff" ]; then
        (cd "$root" && cargo build --locked --release -p shroff-train)
    fi
    (cd "$work" && "$shroff" retrain --demo > /dev/null)
    # The champion of two weeks earlier, whose windows end before the new test window begins.
    (cd "$work" && rm -r registry && "$shroff" retrain --config demo/fraud.toml --as-of 2018-07-16 > /dev/null)
    # Refusing to promote is an answer too.
    (cd "$work" && "$shroff" retrain --config demo/fraud.toml > /dev/null) || [ $? -eq 5 ]
    reports=$work/registry/models/demo/reports
    set -- "$reports/00000002/report.html" "$reports/00000002/metrics.json"
fi
python3 "$root/tests/browser/drive.py" "${shots[@]}" "$1" "$2"
