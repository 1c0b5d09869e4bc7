"""Ours on ever more rows: what a round costs, and how much memory the whole process takes."""

import compare

ROWS = (100_000, 1_000_000, 10_000_000)
MAX_BYTES = 4_000_000_000


def scaling(runner, table):
    """The first rows of one table, fitted leaf-wise and symmetric."""
    found = []
    for name in (compare.LEAF_WISE, compare.SYMMETRIC):
        for rows in ROWS:
            run = runner.run(name, table, rows)
            found.append({"name": name, "rows": rows, **run})
            found[-1]["round_secs"] = run["fit_secs"] / run["n_trees"]
            found[-1]["round_cpu_secs"] = run["cpu_secs"] / run["n_trees"]
    return found


def table(found):
    lines = [
        f"{'':<26}{'rows':>12}{'s/round':>10}{'CPU s/round':>13}{'CPU ns/row/round':>18}"
        f"{'peak MB':>9}{'B/row':>8}{'others':>8}"
    ]
    for of in found:
        lines.append(
            f"{of['name']:<26}{of['rows']:>12,}{of['round_secs']:>10.4f}{of['round_cpu_secs']:>13.4f}"
            f"{of['round_cpu_secs'] / of['rows'] * 1e9:>18.1f}{of['peak_bytes'] / 1e6:>9.0f}"
            f"{of['peak_bytes'] / of['rows']:>8.0f}{of['others_cores']:>8.1f}"
        )
    within = all(of["peak_bytes"] <= MAX_BYTES for of in found)
    verdict = "within" if within else "BEYOND"
    return "\n".join([*lines, f"All {verdict} the bound of {MAX_BYTES / 1e9:.0f} GB."])
