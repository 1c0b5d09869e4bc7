"""The Fraud Detection Handbook's transactions with its 14 derived features, as a table of raw f32
files: fitted on July 2018, judged on 29 August to 30 September."""

import datetime
import os

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

WINDOWS = {
    "train": (datetime.datetime(2018, 7, 1), datetime.datetime(2018, 8, 1)),
    "test": (datetime.datetime(2018, 8, 29), datetime.datetime(2018, 10, 1)),
}
ROWS = {"train": 296_928, "test": 316_197}
NO_INPUTS = {
    "TRANSACTION_ID", "TX_DATETIME", "CUSTOMER_ID", "TERMINAL_ID", "TX_TIME_DAYS", "TX_FRAUD",
    "TX_FRAUD_SCENARIO",
}


def ready(folder, data):
    """The folder of the table, made from the `handbook` folder of the real data."""
    source = os.path.join(data, "handbook", "features.parquet")
    if not os.path.exists(source):
        raise SystemExit(
            f"error: SHROFF_DATA={data}: expected handbook/features.parquet there; unset SHROFF_DATA "
            "to compare on the generated tables alone"
        )
    path = os.path.join(folder, "handbook")
    os.makedirs(path, exist_ok=True)
    all_rows = pq.read_table(source)
    inputs = [name for name in all_rows.column_names if name not in NO_INPUTS]
    for part, (start, end) in WINDOWS.items():
        time = all_rows["TX_DATETIME"]
        rows = all_rows.filter(pc.and_(pc.greater_equal(time, start), pc.less(time, end)))
        if (len(inputs), rows.num_rows) != (15, ROWS[part]):
            raise SystemExit(
                f"error: {source}: expected 15 inputs and {ROWS[part]} rows of the {part} part, "
                f"found {len(inputs)} and {rows.num_rows}"
            )
        columns = [rows[name].to_numpy() for name in inputs]
        np.column_stack(columns).astype("<f4").tofile(os.path.join(path, f"{part}.f32"))
        labels = rows["TX_FRAUD"].to_numpy().astype("<f4")
        labels.tofile(os.path.join(path, f"{part}_labels.f32"))
    return path
