"""Scoring next to other libraries; `run.sh` says how to start it."""

import argparse
import json
import os
import subprocess
import sys
from importlib.metadata import version

import numpy as np

import build
import machine
import models
import peers
import report
import rounds
import table

N_TRAINED = 300_000
VERSIONS = (
    "lightgbm", "lleaves", "llvmlite", "tl2cgen", "treelite", "catboost", "xgboost", "onnxruntime",
    "scikit-learn",
)
RECORDS = os.path.normpath(os.path.join(os.path.abspath(__file__), "..", "..", "..", "record"))


def main():
    at_least_1 = lambda text: max(1, int(text))
    parser = argparse.ArgumentParser(prog="run.sh score", description=__doc__)
    parser.add_argument("--program", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--work", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=at_least_1, default=5, help="measurements of each (5)")
    parser.add_argument("--models", default="", help="only models whose names contain this")
    parser.add_argument("--avx2", action="store_true", help="ours without AVX-512")
    parser.add_argument("--record", action="store_true", help="write a record below benches/record")
    parser.add_argument("--json", action="store_true", help="the last line of stdout is JSON")
    options = parser.parse_args()
    chosen = [model for model in models.ALL if options.models in model.name]
    if not chosen:
        parser.error(f"--models: expected part of {', '.join(model.name for model in models.ALL)}")

    out = sys.stderr if options.json else sys.stdout
    say = lambda text: print(text, file=out, flush=True)
    note = lambda text: print(text, file=sys.stderr, flush=True)
    about = {
        "cores": os.cpu_count(),
        "processor": machine.processor(),
        "load_at_start": os.getloadavg()[0],
        "compilers": f"{first_line('rustc', '--version')}; {first_line('g++', '--version')}",
        "versions": {name: version(name) for name in VERSIONS},
        "rounds": options.rounds,
    }
    contests = prepared(options, chosen, note)
    about["others_cores"] = rounds.measure(contests, options.rounds, note)
    for contest in contests:
        for served in contest.served:
            served.stop()

    found = report.headline(contests)
    known = ", ".join(f"{key} {value:.3f}" for key, value in found.items() if value is not None)
    text = f"{report.table(contests)}\n\n{known}{report.disturbed(about['others_cores'])}"
    say(text)
    if options.record:
        words = [word for word in sys.argv[1:] if not hidden(word, options)]
        command = " ".join(["benches/peers/run.sh score", *words])
        say(f"written to {report.write_record(RECORDS, command, about, text)}")
    if options.json:
        of = [
            {"name": contest.model.name, "engine": contest.engine, "figures": contest.figures()}
            for contest in contests
        ]
        print(json.dumps(found | about | {"models": of}))


def prepared(options, chosen, note):
    """Everything trained, taken over, compiled, started and proved to give the same scores."""
    work = os.path.join(os.path.abspath(options.work), "score")
    tables = os.path.join(os.path.abspath(options.work), "tables")
    for folder in (work, tables):
        os.makedirs(folder, exist_ok=True)
    payments = table.ready(tables, N_TRAINED, 1)
    rows = os.path.join(payments, "test.f32")
    order = os.path.join(work, "order.u32")
    np.random.default_rng(1).permutation(table.TEST_ROWS).astype("<u4").tofile(order)
    drivers = build.Drivers(os.path.join(work, "drivers"))
    contests = []
    for model in chosen:
        note(model.name)
        model.ready(os.path.join(work, "models"), payments)
        taken_over = [model.path("trees.json"), rows, model.path("model.shroff")]
        build.run(options.program, "import", *taken_over)
        others = peers.of(model, drivers)
        contests.append(rounds.Contest(model, others, options.program, payments, order, options.avx2))
    return contests


def first_line(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()[0] if done.returncode == 0 else f"no {command[0]}"


def hidden(word, options):
    return word in ("--program", "--work", options.program, options.work)


if __name__ == "__main__":
    main()
