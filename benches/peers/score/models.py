"""The models that are served: trained once by their own library on 300,000 payments, and kept with
the library's own probabilities of the test rows and with a plain copy of the trees for ours.

Missing values stay missing. What the trees are worth is not judged here: their shape decides speed.
"""

import json
import os

import numpy as np

import trees

THREADS = 2


class Model:
    """What is to be trained, and the files of it once that is done."""

    def __init__(self, name, title, train):
        self.name, self.title, self.train = name, title, train

    def ready(self, folder, table):
        """Trains and writes the files, unless they are there."""
        self.folder = os.path.join(folder, self.name)
        if os.path.isdir(self.folder):
            return
        unfinished = self.folder + ".unfinished"
        os.makedirs(unfinished, exist_ok=True)
        labels = np.fromfile(os.path.join(table, "train_labels.f32"), "<f4")
        rows = np.fromfile(os.path.join(table, "train.f32"), "<f4").reshape(len(labels), -1)
        test = np.fromfile(os.path.join(table, "test.f32"), "<f4").reshape(-1, rows.shape[1])
        forest, expected, own = self.train(rows, labels, test, lambda name: os.path.join(unfinished, name))
        with open(os.path.join(unfinished, "trees.json"), "w") as file:
            json.dump(forest | {"n_features": rows.shape[1]}, file)
        np.asarray(expected, "<f8").tofile(os.path.join(unfinished, "expected.f64"))
        np.asarray(own, "<f8").tofile(os.path.join(unfinished, "own.f64"))
        os.rename(unfinished, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)


def lightgbm(n_trees, rate):
    def train(rows, labels, test, path):
        import lightgbm as library

        settings = dict(
            objective="binary", num_leaves=31, learning_rate=rate, max_bin=255, min_data_in_leaf=50,
            min_sum_hessian_in_leaf=1.0, lambda_l2=1.0, num_threads=THREADS, seed=1, verbose=-1,
            deterministic=True, force_col_wise=True,
        )
        model = library.train(settings, library.Dataset(rows, labels), n_trees)
        model.save_model(path("model.txt"))
        own = model.predict(test)
        return trees.of_lightgbm(model.dump_model()), own, own

    return train


def xgboost(n_trees, rate):
    def train(rows, labels, test, path):
        import xgboost as library

        settings = dict(
            objective="binary:logistic", max_depth=6, eta=rate, tree_method="hist", max_bin=256,
            nthread=THREADS, seed=1,
        )
        model = library.train(settings, library.DMatrix(rows, labels), n_trees)
        model.save_model(path("model.ubj"))
        model.save_model(path("model.json"))
        with open(path("model.json")) as file:
            saved = json.load(file)
        # It adds its leaves in f32. What is right is their sum in f64.
        leaves = model.predict(library.DMatrix(test), pred_leaf=True).astype(int)
        expected = trees.sigmoid(trees.xgboost_margins(saved, leaves))
        return trees.of_xgboost(saved), expected, model.inplace_predict(test)

    return train


def catboost(n_trees, rate):
    def train(rows, labels, test, path):
        import catboost as library

        model = library.CatBoostClassifier(
            iterations=n_trees, depth=6, learning_rate=rate, border_count=254, random_seed=1,
            thread_count=THREADS, verbose=0, allow_writing_files=False,
        ).fit(rows, labels)
        model.save_model(path("model.cbm"))
        model.save_model(path("model.json"), format="json")
        with open(path("model.json")) as file:
            saved = json.load(file)
        own = model.predict_proba(test)[:, 1]
        return trees.of_catboost(saved), own, own

    return train


def random_forest(n_trees, depth):
    def train(rows, labels, test, path):
        import joblib
        from sklearn.ensemble import RandomForestClassifier

        model = RandomForestClassifier(
            n_trees, max_depth=depth, max_samples=0.6, min_samples_leaf=5, n_jobs=THREADS,
            random_state=1,
        ).fit(rows, labels)
        joblib.dump(model, path("model.joblib"))
        own = model.predict_proba(test)[:, 1]
        return trees.of_sklearn(model), own, own

    return train


ALL = (
    Model("leaf_wise_100", "100 leaf-wise trees of 31 leaves (LightGBM)", lightgbm(100, 0.1)),
    Model("leaf_wise_500", "500 leaf-wise trees of 31 leaves (LightGBM)", lightgbm(500, 0.05)),
    Model("symmetric_100", "100 symmetric trees of depth 6 (CatBoost)", catboost(100, 0.1)),
    Model("symmetric_500", "500 symmetric trees of depth 6 (CatBoost)", catboost(500, 0.05)),
    Model("averaged_100", "100 averaged trees of depth 12 (scikit-learn)", random_forest(100, 12)),
    Model("depth_wise_100", "100 trees of depth 6 (XGBoost)", xgboost(100, 0.1)),
)
