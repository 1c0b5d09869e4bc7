#!/usr/bin/env bash
# Opens pages in a real headless Chromium and looks at them as a person would.
#
#   tests/browser/run.sh [--shots FOLDER] [REPORT.html [METRICS.json]]
#       Fails on any message on the console, on any request besides the page itself, on a value beside the
#       slider other than the one metrics.json holds for that point, on a page wider than a phone, and on
#       text with less contrast than WCAG AA asks for, in the light and the dark scheme.
#       Without a report it makes them: `shroff retrain --demo` twice, so that there is a champion, with costs,
#       slices and alerts by case; a comparison; a backtest.
#       --shots keeps pictures of each page, 1280 and 390 pixels wide, in both schemes.
#
# Needs Debian's chromium and chromium-driver, which it installs when it may, and python3. SHROFF names the
# binary (default: target/release/shroff, built when it is missing). It is no part of the test command.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
shots=
if [ "${1:-}" = --shots ]; then
    mkdir -p "$2"
    shots=$(cd "$2" && pwd)
    shift 2
fi
if ! command -v chromium > /dev/null || ! command -v chromedriver > /dev/null; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends chromium chromium-driver fonts-dejavu-core
fi
# NAME REPORT.html [METRICS.json]
look() {
    local name=$1
    shift
    python3 "$root/tests/browser/drive.py" ${shots:+--shots "$shots/$name"} "$@"
}
if [ $# -gt 0 ]; then
    look "" "$@"
    exit
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
shroff=${SHROFF:-$root/target/release/shroff}
if [ ! -x "$shroff" ]; then
    (cd "$root" && cargo build --locked --release -p shroff-train)
fi
cd "$work"
"$shroff" retrain --demo > /dev/null
cat >> demo/fraud.toml << 'END'

[evaluate]
alert_unit = "cases"

[gate]
slices = ["CHANNEL"]

[cost]
loss_rate = 1.0
review_cost = 3.0
review_catch_rate = 0.8
false_decline_cost = { fixed = 5.0, share = 0.02 }
END
# The champion of two weeks earlier, whose windows end before the new test window begins.
rm -r registry
"$shroff" retrain --config demo/fraud.toml --as-of 2018-07-16 > /dev/null
# Refusing to promote is an answer too.
"$shroff" retrain --config demo/fraud.toml > /dev/null || [ $? -eq 5 ]
reports=$work/registry/models/demo/reports
"$shroff" compare demo@1 demo@2 demo/fraud.toml --from 2018-07-09 --to 2018-07-23 --slice CHANNEL --report compare.html > /dev/null
"$shroff" evaluate demo@2 demo/fraud.toml --window test --slice CHANNEL --report evaluate.html > /dev/null
# One learner and shorter windows, so that ten weekly runs fit into the data.
sed -e '/^\[\[learner\]\]/,$d' -e 's/^label_delay = .*/label_delay = "3d"/' -e 's/^train = .*/train = "35d"/' \
    -e 's/^\(calibrate\|test\) = .*/\1 = "7d"/' demo/fraud.toml > demo/weekly.toml
printf '[[learner]]\nkind = "gbdt"\n' >> demo/weekly.toml
"$shroff" backtest --config demo/weekly.toml --from 2018-05-28 --to 2018-07-30 > /dev/null
look report "$reports/00000002/report.html" "$reports/00000002/metrics.json"
look compare compare.html
look evaluate evaluate.html
look backtest backtest/report.html
