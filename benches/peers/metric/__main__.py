"""AUC and average precision next to scikit-learn's; `run.sh` says how to start it."""

import argparse
import json
import os
import statistics
import subprocess
import sys
from importlib.metadata import version

import numpy as np

import machine

HERE = os.path.dirname(os.path.abspath(__file__))
# One fraud in two hundred. `spread` has no two scores alike, `tied` a thousand different ones.
TABLES = ("spread", "tied")
FRAUD_RATE = 0.005


def main():
    at_least_1 = lambda text: max(1, int(text))
    parser = argparse.ArgumentParser(prog="run.sh metric", description=__doc__)
    parser.add_argument("--program", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--work", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=at_least_1, default=3, help="runs of each (3)")
    parser.add_argument("--rows", type=at_least_1, default=10_000_000, help="scores (10 million)")
    parser.add_argument("--threads", type=at_least_1, default=2, help="threads of each (2)")
    parser.add_argument("--json", action="store_true", help="the last line of stdout is JSON")
    options = parser.parse_args()
    out = sys.stderr if options.json else sys.stdout
    say = lambda text: print(text, file=out, flush=True)
    about = {
        "rows": options.rows,
        "threads": options.threads,
        "cores": os.cpu_count(),
        "processor": machine.processor(),
        "load_at_start": os.getloadavg()[0],
        "versions": {name: version(name) for name in ("scikit-learn", "numpy")},
    }
    say(f"{options.rows:,} scores, {about['threads']} threads on {about['cores']} cores of "
        f"{about['processor']}, load {about['load_at_start']:.1f}; "
        + ", ".join(f"{name} {found}" for name, found in about["versions"].items()))
    found = {table: compared(options, table, say) for table in TABLES}
    last = {
        key: min(found[table][key] for table in TABLES)
        for key in ("both_ratio", "roc_auc_ratio", "average_precision_ratio")
    }
    last["max_abs_diff"] = max(found[table]["max_abs_diff"] for table in TABLES)
    say("\n" + ", ".join(f"{key} {value:.4g}" for key, value in last.items()))
    if options.json:
        print(json.dumps(last | about | {"tables": found}))


def compared(options, table, say):
    files = made(os.path.join(options.work, "metric"), table, options.rows)
    threads = {"RAYON_NUM_THREADS": str(options.threads), "OMP_NUM_THREADS": str(options.threads)}
    commands = {
        "shroff": [options.program, *files],
        "scikit-learn": [sys.executable, os.path.join(HERE, "peer.py"), *files],
    }
    runs = {name: [] for name in commands}
    for round_number in range(options.rounds):
        for name, command in commands.items():
            busy, own = machine.busy_secs(), children_secs()
            clock = os.times().elapsed
            done = subprocess.run(command, env=os.environ | threads, stdout=subprocess.PIPE, text=True)
            if done.returncode != 0:
                raise SystemExit(f"error: {name} ended with code {done.returncode}; see above")
            secs = os.times().elapsed - clock
            others = max(0.0, machine.busy_secs() - busy - (children_secs() - own)) / secs
            run = json.loads(done.stdout) | {"others_cores": others}
            runs[name].append(run)
            print(f"  {table}, round {round_number + 1}: {name:<14}{run['both_secs']:.2f} s, others kept "
                  f"{others:.1f} cores busy", file=sys.stderr, flush=True)
    ours, theirs = runs["shroff"], runs["scikit-learn"]
    ratio = lambda key: statistics.median(b[key] / a[key] for a, b in zip(ours, theirs))
    found = {f"{key}_ratio": ratio(f"{key}_secs") for key in ("both", "roc_auc", "average_precision")}
    found["max_abs_diff"] = max(
        abs(ours[0][key] - theirs[0][key]) for key in ("roc_auc", "average_precision")
    )
    say(f"\n{table + ' scores':<16}{'AUC s':>8}{'AP s':>8}{'both s':>8}{'MB':>7}")
    for name in runs:
        middle = lambda key: statistics.median(run[key] for run in runs[name])
        say(f"{name:<16}{middle('roc_auc_secs'):>8.2f}{middle('average_precision_secs'):>8.2f}"
            f"{middle('both_secs'):>8.2f}{middle('peak_bytes') / 1e6:>7.0f}")
    say(f"theirs over ours{found['roc_auc_ratio']:>8.1f}{found['average_precision_ratio']:>8.1f}"
        f"{found['both_ratio']:>8.1f}; differs by {found['max_abs_diff']:.1e}")
    return found | {"runs": runs}


def made(folder, table, rows):
    """The files of labels and scores, made now if they are not there."""
    paths = [os.path.join(folder, f"{table}-{rows}.{kind}") for kind in ("labels", "scores")]
    if not all(os.path.exists(path) for path in paths):
        dice = np.random.default_rng(1)
        labels = dice.random(rows) < FRAUD_RATE
        scores = dice.normal(-5.0, 1.5, rows) + 3.0 * labels
        if table == "tied":
            scores = np.round(1000 / (1 + np.exp(-scores))) / 1000
        labels.astype("u1").tofile(paths[0])
        scores.astype("<f8").tofile(paths[1])
    return paths


def children_secs():
    times = os.times()
    return times.children_user + times.children_system


if __name__ == "__main__":
    main()
