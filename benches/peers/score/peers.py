"""Who serves which model: ours, and the libraries that can hold the same one."""

from dataclasses import dataclass

import build


@dataclass
class Peer:
    """A driver and the file it serves."""

    name: str
    command: list
    file: str
    # The bars of the project are set against these.
    required: bool = False
    # It adds up in f64, so that it must give the probabilities of the library that trained.
    exact: bool = True


def of(model, drivers):
    """The peers of a model, compiled if need be."""
    if model.name.startswith("leaf_wise"):
        lightgbm = drivers.linked("lightgbm", "lightgbm", "lib_lightgbm.so")
        return [
            Peer("lleaves", drivers.loader("lleaves"), build.lleaves(model), required=True),
            Peer("tl2cgen", drivers.loader("tl2cgen"), build.tl2cgen(model, lightgbm_trees), required=True),
            Peer("lightgbm", lightgbm, model.path("model.txt"), required=True),
        ]
    if model.name.startswith("symmetric"):
        return [Peer("catboost", drivers.catboost(), model.path("model.cbm"), required=True)]
    if model.name.startswith("averaged"):
        driver = drivers.loader("tl2cgen")
        return [Peer("tl2cgen", driver, build.tl2cgen(model, sklearn_trees), required=True)]
    in_f32 = drivers.loader("tl2cgen", ["-DF32_MODEL"], "_f32")
    xgboost = drivers.linked("xgboost", "xgboost", "libxgboost.so")
    return [
        Peer("tl2cgen", in_f32, build.tl2cgen(model, xgboost_trees), exact=False),
        Peer("xgboost", xgboost, model.path("model.ubj"), exact=False),
    ]


def lightgbm_trees(model):
    import treelite

    return treelite.frontend.load_lightgbm_model(model.path("model.txt"))


def xgboost_trees(model):
    import treelite

    return treelite.frontend.load_xgboost_model(model.path("model.ubj"))


def sklearn_trees(model):
    import joblib
    import treelite

    return treelite.sklearn.import_model(joblib.load(model.path("model.joblib")))
