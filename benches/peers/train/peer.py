"""Fits one other library on a table of raw f32 files, as `ours.rs` does for shroff.

`peer.py TABLE NAME SCORES THREADS`: TABLE is a folder as `table.py` writes it, NAME a key of `FITS`,
SCORES the file to write the scores of the test part to (f64). Prints one line of JSON.

Each library is called the cheapest way it documents: the table goes in as one row-major f32 array,
and what a fit includes is everything from that array to a model that can score.
"""

import json
import os
import sys
import time

import numpy as np

ROUNDS = 200
LEARNING_RATE = 0.1
BINS = 255


def lightgbm(values, labels, threads, **more):
    import lightgbm as library

    settings = dict(
        objective="binary", num_leaves=31, learning_rate=LEARNING_RATE, max_bin=BINS,
        num_threads=threads, seed=1, verbose=-1, **more,
    )
    model = library.train(settings, library.Dataset(values, labels), ROUNDS)
    return model.predict, model.num_trees


def xgboost(values, labels, threads, **more):
    import xgboost as library

    settings = dict(
        objective="binary:logistic", tree_method="hist", eta=LEARNING_RATE, max_bin=BINS,
        nthread=threads, seed=1, **more,
    )
    # Made for hist: goes from the array to bins without a copy of the values.
    table = library.QuantileDMatrix(values, labels, max_bin=BINS, nthread=threads)
    model = library.train(settings, table, ROUNDS)
    return model.inplace_predict, model.num_boosted_rounds


def catboost(values, labels, threads):
    import catboost as library

    # It counts the borders between bins, of which there is one less than bins.
    model = library.CatBoostClassifier(
        iterations=ROUNDS, depth=6, learning_rate=LEARNING_RATE, border_count=BINS - 1,
        thread_count=threads, random_seed=1, verbose=0, allow_writing_files=False,
    ).fit(values, labels)
    return lambda rows: model.predict_proba(rows)[:, 1], lambda: model.tree_count_


FITS = {
    "lightgbm_regularised": lambda *data: lightgbm(
        *data, force_col_wise=True, min_sum_hessian_in_leaf=1.0, lambda_l2=1.0
    ),
    "lightgbm_defaults": lambda *data: lightgbm(*data, force_col_wise=True),
    "xgboost_depth_6": lambda *data: xgboost(*data, max_depth=6),
    "xgboost_31_leaves": lambda *data: xgboost(
        *data, max_depth=0, max_leaves=31, grow_policy="lossguide"
    ),
    "catboost_depth_6": catboost,
}


def leave_out(name):
    """Keeps the library from loading what it only looks for: some 150 MB that no fit needs."""
    wanted = {"catboost": "pandas"}.get(name)
    for module in {"sklearn", "pandas", "pyarrow"} - {wanted}:
        sys.modules[module] = None


def read_part(table, part):
    labels = np.fromfile(os.path.join(table, f"{part}_labels.f32"), "<f4")
    values = np.fromfile(os.path.join(table, f"{part}.f32"), "<f4")
    return values.reshape(len(labels), -1), labels


def peak_bytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


def main():
    table, name, scores, threads = sys.argv[1:]
    library = name.split("_")[0]
    # As its users import it, unless only what it needs is asked for.
    if os.environ.get("LEAN_IMPORTS"):
        leave_out(library)
    __import__(library)
    values, labels = read_part(table, "train")
    test, _ = read_part(table, "test")

    clock, cpu = time.perf_counter(), time.process_time()
    predict, n_trees = FITS[name](values, labels, int(threads))
    fit_secs, cpu_secs = time.perf_counter() - clock, time.process_time() - cpu

    np.asarray(predict(test), "<f8").tofile(scores)
    found = dict(fit_secs=fit_secs, cpu_secs=cpu_secs, peak_bytes=peak_bytes(), n_trees=n_trees())
    print(json.dumps(found))


if __name__ == "__main__":
    main()
