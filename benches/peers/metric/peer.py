"""`peer.py LABELS SCORES`: measures as scikit-learn does, and prints one line of JSON: what is timed comes
after reading. LABELS holds a byte a row, SCORES an f64."""

import json
import resource
import sys
import time

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score


def main():
    labels, scores = np.fromfile(sys.argv[1], "u1"), np.fromfile(sys.argv[2], "<f8")
    found = {"rows": len(labels)}
    for name, measure in (
        ("roc_auc", roc_auc_score),
        ("average_precision", average_precision_score),
    ):
        clock = time.perf_counter()
        found[name] = float(measure(labels, scores))
        found[f"{name}_secs"] = time.perf_counter() - clock
    found["both_secs"] = found["roc_auc_secs"] + found["average_precision_secs"]
    found["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(found))


if __name__ == "__main__":
    main()
