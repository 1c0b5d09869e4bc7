"""Features over time next to other libraries; `run.sh` says how to start it."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from importlib.metadata import version

import numpy as np

import machine
import peer

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = list(peer.WAYS)
# The names of the last line.
RATIOS = {
    "pandas_ratio": "pandas_book",
    "pandas_rolling_ratio": "pandas_rolling",
    "numpy_ratio": "numpy_sums",
    "polars_ratio": "polars_rolling",
}
# Of events of one entity in the same second polars lets each see all, the others those before.
EXACT = ("pandas_book", "pandas_rolling", "numpy_sums")


def main():
    at_least_1 = lambda text: max(1, int(text))
    parser = argparse.ArgumentParser(prog="run.sh velocity", description=__doc__)
    parser.add_argument("--program", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--work", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=at_least_1, default=3, help="runs of each (3)")
    parser.add_argument("--threads", type=at_least_1, default=2, help="threads of each (2)")
    parser.add_argument("--scaling", action="store_true", help="ours on 1 to 50 million events")
    parser.add_argument("--json", action="store_true", help="the last line of stdout is JSON")
    options = parser.parse_args()
    out = sys.stderr if options.json else sys.stdout
    say = lambda text: print(text, file=out, flush=True)
    about = {
        "threads": options.threads,
        "cores": os.cpu_count(),
        "processor": machine.processor(),
        "load_at_start": os.getloadavg()[0],
        "versions": {name: version(name) for name in ("pandas", "numpy", "polars")},
    }
    say(f"{about['threads']} threads on {about['cores']} cores of {about['processor']}, load "
        f"{about['load_at_start']:.1f}; "
        + ", ".join(f"{name} {found}" for name, found in about["versions"].items()))
    runner = Runner(options)
    found = scaled(runner, say) if options.scaling else compared(runner, options.rounds, say)
    if options.json:
        print(json.dumps(found | about))


class Runner:
    """Starts runs, each a process of its own, with the same threads."""

    def __init__(self, options):
        self.program, self.threads = options.program, str(options.threads)
        self.folder = os.path.join(options.work, "velocity", "runs")
        os.makedirs(self.folder, exist_ok=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def config(self, data):
        """The configuration of the twelve features on this data."""
        with open(os.path.join(HERE, "features.toml")) as file:
            text = file.read().replace("DATA", data)
        path = self.path("features.toml")
        with open(path, "w") as file:
            file.write(text)
        return path

    def run(self, *command):
        """The last line it prints, the seconds of the whole process, and how many cores others kept
        busy meanwhile."""
        threads = {"RAYON_NUM_THREADS": self.threads, "POLARS_MAX_THREADS": self.threads}
        clock, busy, own = time.perf_counter(), machine.busy_secs(), children_secs()
        done = subprocess.run(command, env=os.environ | threads, stdout=subprocess.PIPE, text=True)
        secs = time.perf_counter() - clock
        if done.returncode != 0:
            raise SystemExit(f"error: {' '.join(command)} ended with code {done.returncode}; see above")
        others = machine.busy_secs() - busy - (children_secs() - own)
        return done.stdout.splitlines()[-1], secs, max(0.0, others / secs)

    def compute(self, name, data, config):
        """Computes the features one way, and leaves them in the file of its name."""
        values = self.path(f"{name}.f32")
        if name == "shroff":
            command = [self.program, "replay", config, values]
        else:
            command = [sys.executable, os.path.join(HERE, "peer.py"), data, name, values]
        line, process_secs, others = self.run(*command)
        found = json.loads(line) | {"process_secs": process_secs, "others_cores": others}
        log(
            f"  {name:<16}{found['secs']:>8.2f} s{found['cpu_secs']:>8.2f} CPU s{process_secs:>8.2f} s "
            f"of process, others kept {others:.1f} cores busy"
        )
        return found

    def simulated(self, *size):
        """A folder with simulated transactions, made now if it is not there."""
        folder = self.path("simulated" + "".join(size).replace("--", "-"))
        if not os.path.isdir(folder):
            log(f"simulating into {folder}")
            self.run(self.program, "simulate", *size, "--out", folder + ".unfinished")
            os.rename(folder + ".unfinished", folder)
        return os.path.join(folder, "transactions.parquet")


def compared(runner, rounds, say):
    what, data = "simulated payments", None
    if folder := os.environ.get("SHROFF_DATA"):
        what, data = "the Handbook's payments", os.path.join(folder, "handbook", "2018-*.parquet")
    data = data or runner.simulated()
    config = runner.config(data)
    runs = {name: [] for name in ["shroff", *PEERS]}
    whole = []
    for round_number in range(rounds):
        log(f"round {round_number + 1} of {rounds}")
        for name in runs:
            runs[name].append(runner.compute(name, data, config))
        table = runner.path("features.parquet")
        _, secs, others = runner.run(
            runner.program, "features", "--config", config, "--out", table
        )
        whole.append(secs)
        log(f"  shroff features {secs:.2f} s of process, others kept {others:.1f} cores busy")
    middle = lambda name, key: statistics.median(run[key] for run in runs[name])
    ratio = lambda name: statistics.median(
        theirs["secs"] / ours["secs"] for theirs, ours in zip(runs[name], runs["shroff"])
    )
    rows = runs["shroff"][0]["rows"]
    say(f"\n12 features over 1, 7 and 30 days of {rows:,} {what}, {rounds} rounds")
    say(f"{'':<16}{'seconds':>9}{'CPU s':>8}{'x ours':>8}{'process s':>11}{'MB':>7}  differs by")
    ours = values(runner, "shroff")
    differences = {}
    for name in runs:
        differences[name] = float(np.abs(values(runner, name) - ours).max())
        say(
            f"{name:<16}{middle(name, 'secs'):>9.2f}{middle(name, 'cpu_secs'):>8.2f}{ratio(name):>8.1f}"
            f"{middle(name, 'process_secs'):>11.2f}{middle(name, 'peak_bytes') / 1e6:>7.0f}"
            f"  {differences[name]:.1e}"
        )
    whole_ratio = statistics.median(
        theirs["process_secs"] / secs for theirs, secs in zip(runs["pandas_book"], whole)
    )
    say(f"shroff features, files in and table out: {statistics.median(whole):.2f} s, pandas_book takes "
        f"{whole_ratio:.1f} times as long")
    found = {key: ratio(name) for key, name in RATIOS.items()}
    found["whole_process_ratio"] = whole_ratio
    found["max_abs_diff"] = max(differences[name] for name in EXACT)
    say("\n" + ", ".join(f"{key} {found[key]:.4g}" for key in found))
    ways = [{"name": name, "max_abs_diff": differences[name], "runs": runs[name]} for name in runs]
    return found | {"rows": rows, "ways": ways}


# Many cold keys; and few hot terminals, which only customers near them can use.
SCALES = {
    "1 million, cold": ("--days", "100", "--customers", "5300", "--terminals", "10600"),
    "10 million, cold": ("--days", "100", "--customers", "53000", "--terminals", "106000"),
    "50 million, cold": ("--days", "100", "--customers", "265000", "--terminals", "530000"),
    "1.4 million, 20 terminals": ("--days", "100", "--customers", "53000", "--terminals", "20"),
    "14 million, 20 terminals": ("--days", "100", "--customers", "530000", "--terminals", "20"),
}


def scaled(runner, say):
    """Ours alone, on more and more events."""
    found = {}
    say(f"{'':<28}{'events':>12}{'seconds':>9}{'ns a value':>12}{'MB':>8}")
    for name, size in SCALES.items():
        data = runner.simulated(*size)
        run = runner.compute("shroff", data, runner.config(data))
        found[name] = run
        nanos = 1e9 * run["secs"] / run["rows"] / 12
        say(f"{name:<28}{run['rows']:>12,}{run['secs']:>9.2f}{nanos:>12.1f}{run['peak_bytes'] / 1e6:>8.0f}")
    return {"scaling": found}


def values(runner, name):
    """By feature in the order of `peer.names()`, which is that of `features.toml`."""
    return np.fromfile(runner.path(f"{name}.f32"), "<f4").reshape(-1, 12)


def children_secs():
    times = os.times()
    return times.children_user + times.children_system


def log(line):
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
