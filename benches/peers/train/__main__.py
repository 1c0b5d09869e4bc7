"""Training next to other libraries; `run.sh` says how to start it."""

import argparse
import json
import os
import sys
from importlib.metadata import version

import compare
import handbook
import machine
import runs
import scaling
import table

N_ROWS = 1_000_000


def main():
    at_least_1 = lambda text: max(1, int(text))
    parser = argparse.ArgumentParser(prog="run.sh train", description=__doc__)
    parser.add_argument("--program", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--work", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=at_least_1, default=3, help="fits of each (3)")
    parser.add_argument(
        "--splits", type=int, choices=(1, 2, 3), default=3,
        help="tables of different seeds that the rounds take in turn (3)",
    )
    parser.add_argument("--threads", type=at_least_1, default=2, help="threads of each fit (2)")
    parser.add_argument("--scaling", action="store_true", help="ours on 0.1, 1 and 10 million rows")
    parser.add_argument("--json", action="store_true", help="the last line of stdout is JSON")
    options = parser.parse_args()

    tables = os.path.join(options.work, "tables")
    os.makedirs(tables, exist_ok=True)
    runner = runs.Runner(options.program, options.work, options.threads)
    about = {
        "threads": options.threads,
        "cores": os.cpu_count(),
        "processor": machine.processor(),
        "load_at_start": os.getloadavg()[0],
        "versions": {name: version(name) for name in ("lightgbm", "xgboost", "catboost", "numpy")},
    }
    out = sys.stderr if options.json else sys.stdout
    say = lambda text: print(text, file=out, flush=True)
    say(f"{about['threads']} threads on {about['cores']} cores of {about['processor']}, load "
        f"{about['load_at_start']:.1f}; "
        + ", ".join(f"{name} {found}" for name, found in about["versions"].items()))
    found = scaled(runner, tables, say) if options.scaling else compared(runner, tables, options, say)
    if options.json:
        print(json.dumps(found | about))


def compared(runner, folder, options, say):
    n_splits = min(options.splits, options.rounds)
    tables = [table.ready(folder, N_ROWS, 1 + split) for split in range(n_splits)]
    figures = compare.compare(runner, tables, options.rounds)
    say(f"\n{N_ROWS:,} x 30 generated payments, {options.rounds} rounds on {n_splits} tables")
    say(compare.table(figures))
    found = compare.headline(figures) | {"peers": as_list(figures)}
    say("\n" + ", ".join(f"{key} {found[key]:.4f}" for key in compare.headline(figures)))
    if data := os.environ.get("SHROFF_DATA"):
        figures = compare.compare(runner, [handbook.ready(folder, data)], 1)
        say("\nThe Handbook's transactions, July to September 2018, 1 round")
        say(compare.table(figures))
        found["handbook"] = compare.headline(figures) | {"peers": as_list(figures)}
    return found | {"rounds": options.rounds, "splits": n_splits}


def scaled(runner, folder, say):
    found = scaling.scaling(runner, table.ready(folder, scaling.ROWS[-1], 1))
    say(scaling.table(found))
    return {"scaling": found}


def as_list(figures):
    return [{"name": name, **of} for name, of in figures.items()]


if __name__ == "__main__":
    main()
