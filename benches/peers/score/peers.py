"""Who serves which model: ours, and the libraries that can hold the same one."""

from dataclasses import dataclass

import build

# Who compares as the library that trained and adds up in f64, gives its probabilities.
EXACT = 1e-12
# Who rounds split values to f32 sends some rows another way, and who adds up in f32 rounds each sum.
# More than this were another model.
IN_F32 = 1e-3

# Whose trees the versions in requirements.txt all read and write.
ONNX_OPSET = 15


@dataclass
class Peer:
    """A driver and the file it serves."""

    name: str
    command: list
    file: str
    # The bars of the project are set against these.
    required: bool = False
    # How far its probabilities may lie from what is right.
    tolerance: float = EXACT


def of(model, drivers):
    """The peers of a model, compiled if need be."""
    onnxruntime = lambda convert: Peer(
        "onnxruntime", drivers.opening("onnxruntime", "onnxruntime", "libonnxruntime.so"),
        build.onnx(model, convert), tolerance=IN_F32,
    )
    if model.name.startswith("leaf_wise"):
        lightgbm = drivers.linked("lightgbm", "lightgbm", "lib_lightgbm.so")
        return [
            Peer("lleaves", drivers.loader("lleaves"), build.lleaves(model), required=True),
            Peer("tl2cgen", drivers.loader("tl2cgen"), build.tl2cgen(model, lightgbm_trees), required=True),
            Peer("lightgbm", lightgbm, model.path("model.txt"), required=True),
            onnxruntime(lightgbm_onnx),
        ]
    if model.name.startswith("symmetric"):
        return [Peer("catboost", drivers.catboost(), model.path("model.cbm"), required=True)]
    if model.name.startswith("averaged"):
        driver = drivers.loader("tl2cgen")
        # In ONNX the forest forgets where missing values go: another model, hence left out.
        return [Peer("tl2cgen", driver, build.tl2cgen(model, sklearn_trees), required=True)]
    in_f32 = drivers.loader("tl2cgen", ["-DF32_MODEL"], "_f32")
    xgboost = drivers.linked("xgboost", "xgboost", "libxgboost.so")
    return [
        Peer("tl2cgen", in_f32, build.tl2cgen(model, xgboost_trees), tolerance=IN_F32),
        Peer("xgboost", xgboost, model.path("model.ubj"), tolerance=IN_F32),
        onnxruntime(xgboost_onnx),
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


def lightgbm_onnx(model):
    import lightgbm
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType

    booster = lightgbm.Booster(model_file=model.path("model.txt"))
    rows = [("rows", FloatTensorType([None, 30]))]
    return onnxmltools.convert_lightgbm(booster, initial_types=rows, zipmap=False, target_opset=ONNX_OPSET)


def xgboost_onnx(model):
    import onnxmltools
    import xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    booster = xgboost.Booster(model_file=model.path("model.ubj"))
    rows = [("rows", FloatTensorType([None, 30]))]
    return onnxmltools.convert_xgboost(booster, initial_types=rows, target_opset=ONNX_OPSET)
