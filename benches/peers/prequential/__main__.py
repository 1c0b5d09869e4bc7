"""The Fraud Detection Handbook's prequential validation; `run.sh` says how to start it."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from importlib.metadata import version

import numpy as np
import pandas as pd
import xgboost

import handbook
import machine

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = ("average_precision", "card_precision_at_100", "roc_auc")
# How far two implementations may lie apart; which of equal scores are among the hundred is nobody's.
WITHIN = {"average_precision": 1e-9, "roc_auc": 1e-9, "card_precision_at_100": 0.005}
# The book's two best models, of the grid that it searches, under the defaults of its time.
PEERS = {
    "xgboost 100 trees, 0.1, depth 3": {"n_estimators": 100, "learning_rate": 0.1, "max_depth": 3},
    "xgboost 50 trees, 0.3, depth 3": {"n_estimators": 50, "learning_rate": 0.3, "max_depth": 3},
}
PUBLISHED = (0.6940, 0.3039, 0.8708)


def main():
    parser = argparse.ArgumentParser(prog="run.sh prequential", description=__doc__)
    parser.add_argument("--program", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--work", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="the last line of stdout is JSON")
    options = parser.parse_args()
    data = os.environ.get("SHROFF_DATA")
    if not data:
        sys.exit("run.sh: error: expected SHROFF_DATA=FOLDER with handbook/features.parquet, found none")
    path = os.path.abspath(os.path.join(data, "handbook", "features.parquet"))
    out = sys.stderr if options.json else sys.stdout
    say = lambda text: print(text, file=out, flush=True)
    say(f"{os.cpu_count()} cores of {machine.processor()}, load {os.getloadavg()[0]:.1f}; "
        f"xgboost {version('xgboost')}")

    folder = os.path.join(options.work, "prequential")
    os.makedirs(folder, exist_ok=True)
    # A run that is found there is not run again, and may be of other code. The environment beside them stays.
    for name in ("registry", "backtest"):
        shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
    ours = Ours(options.program, folder, path)
    begun = time.monotonic()
    learner = ours.search(say)
    searched = time.monotonic() - begun
    rows = handbook.read(path)
    folds = [handbook.fold(rows, as_of) for as_of in handbook.AS_OFS]
    figures = {"shroff": ours.test(learner, folds)}
    for name, parameters in PEERS.items():
        figures[name] = [handbook.measures(test, peer(parameters, train, test)) for train, test in folds]
    say(table(figures))
    say("\n".join([f"{learner['kind']}, found in {searched:.0f} s, of", *map(toml, ours.parameters)]))
    if options.json:
        means = {name: mean(figures["shroff"], name) for name in NAMES}
        print(json.dumps({
            "learner": learner, "search_seconds": searched, "folds": figures,
            "peers": {peer: {name: mean(of, name) for name in NAMES} for peer, of in figures.items()},
        } | means))


class Ours:
    """Search on the validation folds, then the weekly job on the test folds, by the command line."""

    def __init__(self, program, folder, data):
        self.program, self.folder, self.data, self.parameters = program, folder, data, []

    def run(self, *arguments):
        command = [self.program, *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # 5: published, and not promoted.
        if done.returncode not in (0, 5):
            sys.exit(f"run.sh: error: {' '.join(command)}: {done.stderr}")
        return done.stdout

    def config(self, name, text):
        path = os.path.join(self.folder, name)
        with open(os.path.join(HERE, "features.toml")) as file:
            shared = file.read().replace("DATA", self.data)
        with open(path, "w") as file:
            file.write(shared + text)
        return path

    def search(self, say):
        """The learner that is best on the validation folds, which end before the first test fold's train
        does. What the run then says of a test window is not looked at."""
        with open(os.path.join(HERE, "search.toml")) as file:
            text = file.read()
        path = self.config("search.toml", text)
        registry = os.path.join(self.folder, "registry")
        run = json.loads(self.run(
            "retrain", "--config", path, "--registry", registry, "--as-of", handbook.AS_OFS[0], "--json",
            "--skip-checks",
        ))
        found = run["search"]["learners"]
        for name, of in found.items():
            say(f"{name}: average precision {of['average_precision']:.4f} on the validation folds, the best "
                f"of {of['trials']} trials")
            if "blend" in of:
                say(f"{name}: {of['blend']['average_precision']:.4f}, the blend of {of['blend']['trials']}")
        of_all = lambda of: max(of["average_precision"], of.get("blend", of)["average_precision"])
        best = max(found.values(), key=of_all)
        is_blend = best["learner"]["kind"] == "blend"
        trials = best["blend"]["trials"] if is_blend else [best["chosen"]]
        self.parameters = [best["tried"][trial]["parameters"] for trial in trials]
        return best["learner"]

    def test(self, learner, folds):
        lines = "".join(f"{key} = {toml(value)}\n" for key, value in learner.items() if value is not None)
        path = self.config("test.toml", f'[split]\nlabel_delay = "7d"\ntrain = "7d"\nstop = "none"\n'
                                        f'test = "7d"\n[[learner]]\n{lines}')
        out = os.path.join(self.folder, "backtest")
        backtest = json.loads(self.run(
            "backtest", "--config", path, "--from", handbook.AS_OFS[0], "--to", handbook.AS_OFS[-1],
            "--every", "7d", "--out", out, "--json",
        ))
        figures = []
        for fold, (_, test) in zip(backtest["folds"], folds, strict=True):
            model = os.path.join(out, "folds", f"{fold['as_of'][:10]}-{fold['key'][:16]}.shroff")
            scored = os.path.join(self.folder, "scored.parquet")
            rows = os.path.join(self.folder, "test.parquet")
            test.to_parquet(rows)
            self.run("predict", model, rows, "--out", scored)
            margins = pd.read_parquet(scored, columns=["margin"])["margin"].to_numpy()
            of = handbook.measures(test, margins)
            # Two implementations of the rows and of the measures.
            for name, within in WITHIN.items():
                said = fold["test"].get(name)
                if said is not None and abs(said - of[name]) > within:
                    sys.exit(f"run.sh: error: fold of {fold['as_of']}: {name} is {said} by the backtest and "
                             f"{of[name]} by the book's definition")
            if fold["test"]["rows"] != len(test):
                sys.exit(f"run.sh: error: {fold['test']['rows']} test rows, by the book {len(test)}")
            figures.append(of)
        return figures


def toml(value):
    """A value of JSON as TOML writes it, in one line."""
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        items = (f"{key} = {toml(item)}" for key, item in value.items() if item is not None)
        return f"{{ {', '.join(items)} }}"
    return json.dumps(value)


def peer(parameters, train, test):
    """XGBoost as the book's version of 2021 had it by default."""
    old = {"tree_method": "exact", "base_score": 0.5, "n_jobs": 2, "random_state": 0}
    fitted, scored = handbook.standardised(train, test)
    model = xgboost.XGBClassifier(**parameters, **old)
    return model.fit(fitted, train["TX_FRAUD"]).predict_proba(scored)[:, 1]


def mean(folds, name):
    return float(np.mean([fold[name] for fold in folds]))


def table(figures):
    """Mean and population deviation of four folds, as the book prints them."""
    lines = [f"{'':34}" + "".join(f"{name:>26}" for name in NAMES)]
    for name, folds in figures.items():
        cells = [np.array([fold[measure] for fold in folds]) for measure in NAMES]
        lines.append(f"{name:34}" + "".join(f"{f'{c.mean():.4f} +/- {c.std():.4f}':>26}" for c in cells))
    lines.append(f"{'published, the best':34}" + "".join(f"{value:>26.4f}" for value in PUBLISHED))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
