"""One fit as a process of its own, and what is known of it afterwards."""

import json
import os
import subprocess
import sys
import time

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from machine import busy_secs

HERE = os.path.dirname(os.path.abspath(__file__))
SAME_AS_PEERS = {
    "kind": "gbdt", "num_iterations": 200, "learning_rate": 0.1, "max_bin": 255,
    "min_sum_hessian_in_leaf": 1.0, "lambda_l2": 1.0, "early_stopping_rounds": 0,
}
OURS = {
    "shroff_31_leaves": SAME_AS_PEERS | {"grow_policy": "leafwise", "num_leaves": 31},
    "shroff_symmetric_depth_6": SAME_AS_PEERS | {"grow_policy": "symmetric", "max_depth": 6},
    "shroff_defaults": {"kind": "gbdt"},
}

# Threads of LightGBM and XGBoost wait for each other by spinning, unless told so. Beside any other
# work that makes them several times slower (67 against 11 s for one fit on two cores with a load of
# 5), which would say more about the machine than about them.
WAIT_ASLEEP = {"OMP_WAIT_POLICY": "PASSIVE"}


class Runner:
    """Starts fits, ours and others', with the same threads."""

    def __init__(self, program, work, threads):
        self.program, self.threads = program, threads
        self.scores = os.path.join(work, "scores.f64")

    def run(self, name, table, rows=None):
        """Fits on a table; `rows` limits the rows of ours. The figures of `ours.rs` and `peer.py`,
        with the areas of the test part, measured here alike for all, and `others_cores`: how many
        cores other programs kept busy meanwhile."""
        if name in OURS:
            command = [self.program, table, json.dumps(OURS[name]), self.scores]
            command += [str(rows)] if rows else []
        else:
            peer = os.path.join(HERE, "peer.py")
            command = [sys.executable, peer, table, name, self.scores, str(self.threads)]
        settings = WAIT_ASLEEP | os.environ | {"RAYON_NUM_THREADS": str(self.threads)}
        clock, busy, own = time.perf_counter(), busy_secs(), children_secs()
        done = subprocess.run(command, env=settings, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise SystemExit(f"error: {name} on {table} ended with code {done.returncode}; see above")
        others = busy_secs() - busy - (children_secs() - own)
        found = json.loads(done.stdout.splitlines()[-1])
        found["others_cores"] = max(0.0, others / (time.perf_counter() - clock))
        labels = np.fromfile(os.path.join(table, "test_labels.f32"), "<f4")
        scores = np.fromfile(self.scores, "<f8")
        found["roc_auc"] = float(roc_auc_score(labels, scores))
        found["average_precision"] = float(average_precision_score(labels, scores))
        log(
            f"  {name:<26}{found['fit_secs']:>8.1f} s{found['cpu_secs']:>8.1f} CPU s, "
            f"AP {found['average_precision']:.4f}, others kept {found['others_cores']:.1f} cores busy"
        )
        return found


def children_secs():
    times = os.times()
    return times.children_user + times.children_system


def log(line):
    print(line, file=sys.stderr, flush=True)
