"""The same fits by all, one after the other and round after round, so that a machine that grows
slower or faster in between does so for all."""

from statistics import mean, median

import runs

LEAF_WISE, SYMMETRIC, DEFAULTS = runs.OURS
PEERS = (
    "lightgbm_regularised",
    "lightgbm_defaults",
    "xgboost_depth_6",
    "xgboost_31_leaves",
    "catboost_depth_6",
)
# What a quiet machine does for itself.
QUIET_CORES = 0.1
# Ours next to the peer it is judged against.
ORDER = (LEAF_WISE, *PEERS, SYMMETRIC, DEFAULTS)


def compare(runner, tables, rounds):
    """Round `r` is fitted and judged on table `r` modulo their number. Medians over the rounds,
    means over the tables, and each of ours against each peer."""
    found = {name: [] for name in ORDER}
    for r in range(rounds):
        runs.log(f"round {r + 1} of {rounds}")
        for name in ORDER:
            found[name].append(runner.run(name, tables[r % len(tables)]))
    figures = {name: summary(of, len(tables)) for name, of in found.items()}
    for name in PEERS:
        for ours, prefix in ((LEAF_WISE, ""), (SYMMETRIC, "symmetric_")):
            figures[name] |= {
                f"{prefix}time_ratio": ratio(found[ours], found[name], "fit_secs"),
                f"{prefix}cpu_ratio": ratio(found[ours], found[name], "cpu_secs"),
                f"{prefix}memory_ratio": ratio(found[ours], found[name], "peak_bytes"),
            }
    return figures


def summary(of, n_tables):
    middle = {key: median(run[key] for run in of) for key in ("fit_secs", "cpu_secs", "peak_bytes")}
    # A second run on the same table scores the same.
    judged = of[:n_tables]
    return middle | {
        "roc_auc": mean(run["roc_auc"] for run in judged),
        "average_precision": mean(run["average_precision"] for run in judged),
        "n_trees": of[0]["n_trees"],
        "others_cores": mean(run["others_cores"] for run in of),
    }


def ratio(ours, theirs, key):
    """Ours over theirs within each round, the median of the rounds; below 1 ours needs less."""
    return median(mine[key] / other[key] for mine, other in zip(ours, theirs))


def headline(figures):
    regularised = figures["lightgbm_regularised"]
    gain = figures[LEAF_WISE]["average_precision"] - regularised["average_precision"]
    return {
        "time_ratio": regularised["time_ratio"],
        "memory_ratio": regularised["memory_ratio"],
        "average_precision_gain": gain,
        "cpu_ratio": regularised["cpu_ratio"],
        "symmetric_time_ratio": figures["catboost_depth_6"]["symmetric_time_ratio"],
        "symmetric_cpu_ratio": figures["catboost_depth_6"]["symmetric_cpu_ratio"],
    }


def disturbed(figures):
    """A warning if other programs took part of the machine; empty if not."""
    most = max(of["others_cores"] for of in figures.values())
    if most <= QUIET_CORES:
        return ""
    return (
        f"Other programs kept up to {most:.1f} cores busy: read the ratios of CPU seconds, "
        "and measure times again on a quiet machine."
    )


def table(figures):
    lines = [
        f"{'':<26}{'fit s':>8}{'CPU s':>8}{'peak MB':>9}{'trees':>7}{'AUC':>9}{'AP':>9}"
        f"{'others':>8} | ours/theirs: 31 leaves, symmetric",
        f"{'':<26}{'':>8}{'':>8}{'':>9}{'':>7}{'':>9}{'':>9}{'cores':>8} |"
        + f"{'time':>8}{'CPU':>7}{'memory':>8}" * 2,
    ]
    for name, of in figures.items():
        line = (
            f"{name:<26}{of['fit_secs']:>8.1f}{of['cpu_secs']:>8.1f}{of['peak_bytes'] / 1e6:>9.0f}"
            f"{of['n_trees']:>7}{of['roc_auc']:>9.4f}{of['average_precision']:>9.4f}"
            f"{of['others_cores']:>8.1f} |"
        )
        for prefix in ("", "symmetric_") if "time_ratio" in of else ():
            time, cpu, memory = (of[f"{prefix}{of_what}_ratio"] for of_what in ("time", "cpu", "memory"))
            line += f"{time:>8.2f}{cpu:>7.2f}{memory:>8.2f}"
        lines.append(line)
    return "\n".join([*lines, disturbed(figures)]).rstrip()
