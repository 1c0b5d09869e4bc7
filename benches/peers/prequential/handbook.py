"""The Handbook's prequential folds and its measures, from the definitions of its own code."""

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score

FEATURES = [
    "TX_AMOUNT", "TX_DURING_WEEKEND", "TX_DURING_NIGHT",
    *(f"CUSTOMER_ID_{what}_{days}DAY_WINDOW" for days in (1, 7, 30) for what in ("NB_TX", "AVG_AMOUNT")),
    *(f"TERMINAL_ID_{what}_{days}DAY_WINDOW" for days in (1, 7, 30) for what in ("NB_TX", "RISK")),
]
DAY = pd.Timedelta(days=1)
WEEK = 7
# As-of of the four published folds: train is the week that begins 28 days before, test the one 14 before.
AS_OFS = ("2018-08-22", "2018-08-29", "2018-09-05", "2018-09-12")


def read(path):
    """All rows, with the day of each."""
    columns = ["TRANSACTION_ID", "TX_DATETIME", "CUSTOMER_ID", "TX_FRAUD", *FEATURES]
    rows = pd.read_parquet(path, columns=columns)
    rows["TX_DATETIME"] = pd.to_datetime(rows["TX_DATETIME"]).dt.tz_localize(None)
    rows["DAY"] = rows["TX_DATETIME"].dt.normalize()
    return rows


def fold(rows, as_of):
    """Train and test of a fold: test without the cards whose fraud was known on the day before."""
    start = pd.Timestamp(as_of) - 4 * WEEK * DAY
    train = rows[(rows["DAY"] >= start) & (rows["DAY"] < start + WEEK * DAY)]
    known = set(train.loc[train["TX_FRAUD"] == 1, "CUSTOMER_ID"])
    days = []
    for day in range(WEEK):
        # The code of the book: the day that lies a train, a delay and a day back from the test day.
        learnt = rows[rows["DAY"] == start + (WEEK + day - 1) * DAY]
        known |= set(learnt.loc[learnt["TX_FRAUD"] == 1, "CUSTOMER_ID"])
        test = rows[rows["DAY"] == start + (2 * WEEK + day) * DAY]
        days.append(test[~test["CUSTOMER_ID"].isin(known)])
    return train, pd.concat(days)


def card_precision(test, scores, k=100):
    """Mean over days of the share of compromised cards among the k highest; found cards leave."""
    found, precisions = set(), []
    table = test[["DAY", "CUSTOMER_ID", "TX_FRAUD"]].assign(SCORE=scores)
    for _, day in table.groupby("DAY"):
        cards = day.groupby("CUSTOMER_ID")[["SCORE", "TX_FRAUD"]].max()
        cards = cards[~cards.index.isin(found)].sort_values("SCORE", ascending=False).head(k)
        caught = cards.index[cards["TX_FRAUD"] == 1]
        found |= set(caught)
        precisions.append(len(caught) / k)
    return float(np.mean(precisions))


def measures(test, scores):
    labels = test["TX_FRAUD"].to_numpy()
    return {
        "average_precision": float(average_precision_score(labels, scores)),
        "card_precision_at_100": card_precision(test, scores),
        "roc_auc": float(roc_auc_score(labels, scores)),
    }


def standardised(train, test):
    """As the book does: by mean and deviation of train."""
    mean, sd = train[FEATURES].mean(), train[FEATURES].std(ddof=0)
    return ((train[FEATURES] - mean) / sd).to_numpy(), ((test[FEATURES] - mean) / sd).to_numpy()
