"""Computes the twelve features over time with one other library, as `ours.rs` does with shroff.

`peer.py TABLE NAME VALUES`: TABLE is a file or glob of transactions, NAME a key of `WAYS`, VALUES the
file to write the features to (f32, `n_rows x 12`, rows by transaction id). Prints one line of JSON.

The features are the Fraud Detection Handbook's: of the customer the number and mean amount of
payments, of the terminal the number of payments and share of frauds seven days ago and before, over
1, 7 and 30 days each, windows closed right. Timed is what comes after reading and before writing.
"""

import glob
import json
import os
import sys
import time

DAYS = (1, 7, 30)
DELAY = 7
INPUTS = ["TRANSACTION_ID", "TX_DATETIME", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_FRAUD"]


def names():
    """In the order of the file."""
    return [f"{name}_{days}" for name in ("count", "mean", "terminal", "risk") for days in DAYS]


def read_pandas(paths):
    import pandas as pd

    table = pd.concat([pd.read_parquet(path, columns=INPUTS) for path in paths], ignore_index=True)
    table["TX_FRAUD"] = table["TX_FRAUD"].astype("int64")
    return table.sort_values("TX_DATETIME", kind="stable")


def pandas_book(table):
    """One function per group, as the book has it."""

    def customer(of_one):
        of_one = of_one.sort_values("TX_DATETIME", kind="stable")
        of_one.index = of_one.TX_DATETIME
        for days in DAYS:
            rolling = of_one["TX_AMOUNT"].rolling(f"{days}D")
            total, number = rolling.sum(), rolling.count()
            of_one[f"count_{days}"] = list(number)
            of_one[f"mean_{days}"] = list(total / number)
        of_one.index = of_one.TRANSACTION_ID
        return of_one

    def terminal(of_one):
        of_one = of_one.sort_values("TX_DATETIME", kind="stable")
        of_one.index = of_one.TX_DATETIME
        fraud = of_one["TX_FRAUD"]
        frauds_delay = fraud.rolling(f"{DELAY}D").sum()
        number_delay = fraud.rolling(f"{DELAY}D").count()
        for days in DAYS:
            rolling = fraud.rolling(f"{DELAY + days}D")
            frauds, number = rolling.sum() - frauds_delay, rolling.count() - number_delay
            of_one[f"terminal_{days}"] = list(number)
            of_one[f"risk_{days}"] = list(frauds / number)
        of_one.index = of_one.TRANSACTION_ID
        return of_one.fillna(0)

    table = table.assign(CUSTOMER=table.CUSTOMER_ID, TERMINAL=table.TERMINAL_ID)
    table = table.groupby("CUSTOMER")[INPUTS].apply(customer).reset_index(drop=True)
    table["TERMINAL"] = table.TERMINAL_ID
    columns = [column for column in table.columns if column != "TERMINAL"]
    return table.groupby("TERMINAL")[columns].apply(terminal).reset_index(drop=True)


def pandas_rolling(table):
    """`groupby(…).rolling(…)`, which loops in compiled code."""

    def rolled(key, column, days, how):
        rolling = table.groupby(key).rolling(f"{days}D", on="TX_DATETIME")[column]
        return getattr(rolling, how)().to_numpy()

    found = {}
    customers = table.groupby("CUSTOMER_ID").indices
    for days in DAYS:
        number = rolled("CUSTOMER_ID", "TX_AMOUNT", days, "count")
        found[f"count_{days}"] = ("CUSTOMER_ID", number)
        total = rolled("CUSTOMER_ID", "TX_AMOUNT", days, "sum")
        found[f"mean_{days}"] = ("CUSTOMER_ID", total / number)
    number_delay = rolled("TERMINAL_ID", "TX_FRAUD", DELAY, "count")
    frauds_delay = rolled("TERMINAL_ID", "TX_FRAUD", DELAY, "sum")
    for days in DAYS:
        number = rolled("TERMINAL_ID", "TX_FRAUD", DELAY + days, "count") - number_delay
        frauds = rolled("TERMINAL_ID", "TX_FRAUD", DELAY + days, "sum") - frauds_delay
        found[f"terminal_{days}"] = ("TERMINAL_ID", number)
        # 0 / 0 is no share, and counts as 0.
        found[f"risk_{days}"] = ("TERMINAL_ID", frauds / number.clip(1))
    # Values come group after group: they go back to the rows they are of.
    import numpy as np

    terminals = table.groupby("TERMINAL_ID").indices
    places = {
        key: np.concatenate(list(groups.values()))
        for key, groups in (("CUSTOMER_ID", customers), ("TERMINAL_ID", terminals))
    }
    for name, (key, values) in found.items():
        column = np.empty(len(table))
        column[places[key]] = values
        table[name] = column
    return table


def numpy_sums(table):
    """Sorted by entity and time, edges by binary search, sums by differences of prefix sums."""
    import numpy as np

    secs = table["TX_DATETIME"].to_numpy().astype("datetime64[s]").astype(np.int64)
    day = 86_400
    span = int(secs.max() - secs.min()) + (DELAY + max(DAYS) + 1) * day

    def by_entity(key):
        codes = np.unique(table[key].to_numpy(), return_inverse=True)[1].astype(np.int64)
        order = np.lexsort((secs, codes))
        # Entities lie so far apart that no window reaches from one into another.
        return order, codes[order] * span + (secs[order] - secs.min())

    def put(order, values):
        column = np.empty(len(order))
        column[order] = values
        return column

    def sums(values):
        return np.concatenate(([0], np.cumsum(values)))

    order, at = by_entity("CUSTOMER_ID")
    cents = sums(np.rint(table["TX_AMOUNT"].to_numpy()[order] * 100).astype(np.int64))
    end = np.arange(1, len(at) + 1)
    for days in DAYS:
        start = np.searchsorted(at, at - days * day, side="right")
        table[f"count_{days}"] = put(order, end - start)
        table[f"mean_{days}"] = put(order, (cents[end] - cents[start]) / 100 / (end - start))
    order, at = by_entity("TERMINAL_ID")
    frauds = sums(table["TX_FRAUD"].to_numpy()[order])
    end = np.searchsorted(at, at - DELAY * day, side="right")
    for days in DAYS:
        start = np.searchsorted(at, at - (DELAY + days) * day, side="right")
        number = end - start
        table[f"terminal_{days}"] = put(order, number)
        table[f"risk_{days}"] = put(order, (frauds[end] - frauds[start]) / np.maximum(number, 1))
    return table


def read_polars(paths):
    import polars as pl

    table = pl.read_parquet(paths, columns=INPUTS)
    return table.with_columns(pl.col("TX_FRAUD").cast(pl.Int64)).sort("TX_DATETIME", maintain_order=True)


def polars_rolling(table):
    """All columns in one lazy query. Of events in the same second each sees all."""
    import polars as pl

    def rolled(column, days, key, how="sum"):
        rolling = getattr(column, f"rolling_{how}_by")
        return rolling("TX_DATETIME", window_size=f"{days}d", closed="right").over(key)

    one, fraud = pl.col("ONE"), pl.col("TX_FRAUD")
    customer, terminal = "CUSTOMER_ID", "TERMINAL_ID"
    columns = [rolled(one, days, customer).alias(f"count_{days}") for days in DAYS]
    columns += [
        rolled(pl.col("TX_AMOUNT"), days, customer, "mean").alias(f"mean_{days}") for days in DAYS
    ]
    for days in DAYS:
        number = rolled(one, DELAY + days, terminal) - rolled(one, DELAY, terminal)
        frauds = rolled(fraud, DELAY + days, terminal) - rolled(fraud, DELAY, terminal)
        columns.append(number.alias(f"terminal_{days}"))
        columns.append((frauds / number.clip(1)).alias(f"risk_{days}"))
    with_one = table.lazy().with_columns(pl.lit(1, pl.Int64).alias("ONE"))
    return with_one.with_columns(columns).collect()


WAYS = {
    "pandas_book": (read_pandas, pandas_book),
    "pandas_rolling": (read_pandas, pandas_rolling),
    "numpy_sums": (read_pandas, numpy_sums),
    "polars_rolling": (read_polars, polars_rolling),
}


def main():
    pattern, name, path = sys.argv[1:]
    import numpy as np

    read, compute = WAYS[name]
    table = read(sorted(glob.glob(pattern)))
    clock, cpu = time.perf_counter(), time.process_time()
    table = compute(table)
    secs, cpu_secs = time.perf_counter() - clock, time.process_time() - cpu
    order = np.argsort(np.asarray(table["TRANSACTION_ID"]), kind="stable")
    values = np.column_stack([np.asarray(table[column], "<f4") for column in names()])
    values[order].tofile(path)
    with open("/proc/self/status") as status:
        peak = next(line for line in status if line.startswith("VmHWM:"))
    print(json.dumps({
        "rows": len(values), "secs": secs, "cpu_secs": cpu_secs,
        "peak_bytes": int(peak.split()[1]) * 1024,
    }))


if __name__ == "__main__":
    main()
