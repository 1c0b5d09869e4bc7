"""Models of other libraries as plain trees, which `ours.rs` builds its own model from.

A forest is `{"start": number or null, "symmetric": bool, "trees": [[node, ...], ...]}`: `start` is
the log-odds before the first tree, null where the leaves are probabilities to be averaged. A node is
`[leaf]` or `[feature, split, missing_left, left, right]`, where a row goes left if its value is at
most `split`; node 0 is the root, children stand after their parent. Rows hold f32, so each split
becomes the one f32 that parts all f32 as the library does: nothing is rounded the wrong way.
"""

import numpy as np


LARGEST_SPLIT = float(np.nextafter(np.finfo("f4").max, np.float32(0)))


def at_most(split):
    """The greatest f32 that is at most a number. One above all f32, with which LightGBM asks for
    missing values alone, becomes the greatest that ours takes: only the greatest f32 of all and
    infinity, which no payment holds, would tell them apart."""
    if split > LARGEST_SPLIT:
        return LARGEST_SPLIT
    nearest = np.float32(split)
    # As f64: numpy compares an f32 with a Python number in f32, where they would be equal.
    return float(nearest if float(nearest) <= split else np.nextafter(nearest, np.float32(-np.inf)))


def below(split):
    """The greatest f32 below an f32."""
    return float(np.nextafter(np.float32(split), np.float32(-np.inf)))


def of_lightgbm(dump):
    """From `Booster.dump_model()`."""

    def node(of):
        if "leaf_value" in of:
            return [of["leaf_value"]]
        if of["decision_type"] != "<=":
            raise ValueError(f"expected splits by <=, found {of['decision_type']}")
        split = of["threshold"]
        missing_left = {
            # A feature without missing values in training takes them for 0.
            "None": 0.0 <= split,
            "NaN": of["default_left"],
        }.get(of["missing_type"])
        if missing_left is None:
            raise ValueError("expected zeros that are no missing values (zero_as_missing=false)")
        return [of["split_feature"], at_most(split), missing_left, of["left_child"], of["right_child"]]

    trees = [listed(tree["tree_structure"], node) for tree in dump["tree_info"]]
    return {"start": 0.0, "symmetric": False, "trees": trees}


def listed(root, node):
    """Nested nodes as a list in which children stand after their parent."""
    found, open_nodes = [node(root)], [0]
    while open_nodes:
        parent = found[open_nodes.pop()]
        for side in (3, 4) if len(parent) > 1 else ():
            found.append(node(parent[side]))
            parent[side] = len(found) - 1
            open_nodes.append(len(found) - 1)
    return found


def of_xgboost(saved):
    """From the JSON file of `Booster.save_model`: `value < split` goes left, all in f32."""
    trees = []
    for tree in saved["learner"]["gradient_booster"]["model"]["trees"]:
        if any(tree["split_type"]):
            raise ValueError("expected splits by numbers alone, found categories")
        columns = ("split_indices", "split_conditions", "default_left", "left_children", "right_children")
        nodes = []
        for feature, split, missing_left, left, right in zip(*(tree[name] for name in columns)):
            is_leaf = left < 0
            leaf_value = [float(np.float32(split))]
            nodes.append(
                leaf_value if is_leaf else [feature, below(split), bool(missing_left), left, right]
            )
        trees.append(nodes)
    return {"start": xgboost_start(saved), "symmetric": False, "trees": trees}


def xgboost_start(saved):
    """The log-odds of the base score, which the file holds as a probability."""
    text = saved["learner"]["learner_model_param"]["base_score"]
    base = float(text.strip("[]"))
    return float(np.log(base) - np.log1p(-base))


def xgboost_margins(saved, leaves):
    """The sum in f64 of the leaves that the library says the rows end in."""
    margins = np.full(len(leaves), xgboost_start(saved))
    for position, tree in enumerate(saved["learner"]["gradient_booster"]["model"]["trees"]):
        margins += np.float32(tree["split_conditions"])[leaves[:, position]].astype(float)
    return margins


def of_catboost(saved):
    """From the JSON file of `CatBoost.save_model`: bit `i` of a leaf says that split `i` was passed
    by, which is `value > border` with the border in f32."""
    scale, [bias] = saved["scale_and_bias"]
    if scale != 1:
        raise ValueError(f"expected leaves with scale 1, found {scale}")
    features = saved["features_info"]["float_features"]
    missing_right = {of["feature_index"] for of in features if of["nan_value_treatment"] == "AsTrue"}
    flat = {of["feature_index"]: of["flat_feature_index"] for of in features}
    trees = []
    for tree in saved["oblivious_trees"]:
        nodes = []
        for level, of in enumerate(tree["splits"]):
            feature = of["float_feature_index"]
            border, missing_left = float(np.float32(of["border"])), feature not in missing_right
            for _ in range(1 << level):
                children = [2 * len(nodes) + 1, 2 * len(nodes) + 2]
                nodes.append([flat[feature], border, missing_left, *children])
        depth = len(tree["splits"])
        # Here the first split decides the highest bit.
        for position in range(1 << depth):
            passed = sum((position >> depth - 1 - level & 1) << level for level in range(depth))
            nodes.append([tree["leaf_values"][passed]])
        trees.append(nodes)
    return {"start": bias, "symmetric": True, "trees": trees}


def of_sklearn(model):
    """From a fitted `RandomForestClassifier` of two classes."""
    trees = []
    for estimator in model.estimators_:
        tree = estimator.tree_
        shares = tree.value[:, 0, 1] / tree.value[:, 0].sum(axis=1)
        nodes = []
        for at in range(tree.node_count):
            left, right = int(tree.children_left[at]), int(tree.children_right[at])
            missing_left = bool(tree.missing_go_to_left[at])
            is_leaf = left < 0
            nodes.append(
                [float(shares[at])] if is_leaf
                else [int(tree.feature[at]), at_most(tree.threshold[at]), missing_left, left, right]
            )
        trees.append(nodes)
    return {"start": None, "symmetric": False, "trees": trees}


def sigmoid(margins):
    return 1 / (1 + np.exp(-margins))


def probabilities(forest, rows):
    """What the plain trees say, walked by all rows at once: slow, and plain enough to trust."""
    total = np.zeros(len(rows))
    for nodes in forest["trees"]:
        at = np.zeros(len(rows), int)
        is_leaf = np.array([len(node) == 1 for node in nodes])
        leaf = np.array([node[0] if len(node) == 1 else np.nan for node in nodes])
        columns = [np.array([node[i] if len(node) > 1 else 0 for node in nodes]) for i in range(5)]
        feature, split, missing_left, left, right = columns
        while (open_rows := np.flatnonzero(~is_leaf[at])).size:
            here = at[open_rows]
            value = rows[open_rows, feature[here]]
            goes_left = np.where(np.isnan(value), missing_left[here], value <= split[here])
            at[open_rows] = np.where(goes_left, left[here], right[here])
        total += leaf[at]
    return total / len(forest["trees"]) if forest["start"] is None else sigmoid(forest["start"] + total)
