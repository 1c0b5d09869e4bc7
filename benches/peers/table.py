"""A generated table of payments of which 0.5 % are frauds: 30 features as little-endian f32, row
after row, NaN where a value is missing. It is made in pieces of 100,000 rows, each from its own
seed, so that a table of 1 million rows is the beginning of one of 10 million.

What makes it like fraud: counts and amounts with long tails, bursts of payments, a rare class that
no feature shows alone, two codes of 50 and 500 levels whose risks are drawn, 5 % of values missing
in four columns, noise in the label that nobody can learn.
"""

import hashlib
import os

import numpy as np

PIECE = 100_000
FRAUDS_PER_PIECE = 500
TEST_ROWS = 200_000
PARTS = ("train", "test")
OFTEN_MISSING = ("secs_since_last", "account_age_days", "merchant_risk", "distance_km")

# SHA-256 of all four files of a table. Values are rounded to four digits, so that the last bit of
# a logarithm, which differs between processors, does not show.
EXPECTED = {
    (300_000, 1): "c2ad0eb17e891cd1a9f0b612675b88c84cda982cad315d22aa71c57b93c870d5",
    (1_000_000, 1): "b4bebd064e0bc2e82376d636145d4ae577a5680c66be15f822a202c9b8a26172",
    (1_000_000, 2): "0bd71ea08c73489eb84943e301edb4bc3144be60851ef922d338b31f66a3ff2d",
    (1_000_000, 3): "8447aa0f6beebc3c8b8efed7fe2067772cf2790ad06c3caad7a7efeb45241dc1",
    (10_000_000, 1): "55ae9c69ed4c8562b1e45bff16d51ec2875bfd476a24f463b39c46abfcf6c9ec",
}


def ready(folder, rows, seed):
    """The folder of a table, made now if it is not there; ends the program if it is another one."""
    path = os.path.join(folder, f"payments-{rows}-seed-{seed}")
    if not os.path.isdir(path):
        make(path, rows, seed)
    found = fingerprint(path)
    expected = EXPECTED[rows, seed]
    if found != expected:
        raise SystemExit(
            f"error: {path}: expected SHA-256 {expected}, found {found}; remove the folder to have "
            "it made again, and if that does not help the numpy of requirements.txt is not in use"
        )
    return path


def make(path, rows, seed):
    unfinished = path + ".unfinished"
    os.makedirs(unfinished, exist_ok=True)
    world = World(seed)
    for part, n_rows in zip(PARTS, (rows, TEST_ROWS)):
        values = open(os.path.join(unfinished, f"{part}.f32"), "wb")
        labels = open(os.path.join(unfinished, f"{part}_labels.f32"), "wb")
        with values, labels:
            for piece in range(n_rows // PIECE):
                rng = np.random.default_rng([seed, PARTS.index(part), piece])
                columns, is_fraud = payments(rng, world)
                np.column_stack([np.round(c, 4) for c in columns]).astype("<f4").tofile(values)
                is_fraud.astype("<f4").tofile(labels)
    os.rename(unfinished, path)


def fingerprint(path):
    digest = hashlib.sha256()
    for part in PARTS:
        for name in (f"{part}.f32", f"{part}_labels.f32"):
            with open(os.path.join(path, name), "rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()


class World:
    """What all payments of a table share: the risks of the codes, and how the scores hang together."""

    def __init__(self, seed):
        rng = np.random.default_rng([seed])
        self.country_risk = rng.normal(0, 0.8, 50)
        self.category_risk = rng.normal(0, 0.7, 500)
        self.loadings = 0.5 * rng.normal(size=(6, 10))


def payments(rng, world):
    """The columns of one piece, and which payments are frauds."""
    n = PIECE
    usual = rng.lognormal(3.2, 0.8, n)
    ratio = rng.lognormal(0, 0.9, n)
    # Payments a day of this card; one card in fifty is in the middle of a burst.
    pace = rng.gamma(0.8, 1.2, n)
    burst = np.where(rng.random(n) < 0.02, rng.gamma(2, 3, n), 0)
    count_1h = rng.poisson(0.15 * pace + burst)
    count_24h = count_1h + rng.poisson(2 * pace)
    count_7d = count_24h + rng.poisson(12 * pace)
    tried = np.minimum(count_7d, 50)
    anonymous = rng.normal(size=(n, 6)) @ world.loadings + rng.normal(size=(n, 10))

    f = {
        "amount": np.round(usual * ratio, 2),
        "usual_amount": np.round(usual, 2),
        "amount_ratio": ratio,
        "count_1h": count_1h,
        "count_24h": count_24h,
        "count_7d": count_7d,
        "secs_since_last": np.round(rng.exponential(86_400 / (pace + 0.1))),
        "hour": np.floor(rng.normal(14, 5, n) % 24),
        "weekday": rng.integers(0, 7, n),
        "account_age_days": np.round(rng.exponential(700, n)),
        "merchant_risk": rng.beta(1.2, 14, n),
        "distance_km": 4 * rng.pareto(1.3, n),
        "merchants_24h": rng.binomial(count_24h, 0.6),
        "declined_share_7d": rng.binomial(tried, 0.04) / np.maximum(tried, 1),
        **{f"anonymous_{i}": anonymous[:, i] for i in range(10)},
        **{f"heavy_tailed_{i}": rng.standard_t(2.5, n) for i in range(3)},
        "country": np.minimum(rng.zipf(1.6, n) - 1, 49),
        "category": np.minimum(np.floor(6 * rng.pareto(0.9, n)), 499),
        "is_foreign": np.floor(rng.random(n) + 0.08),
    }
    suspicion = 1.25 * risk(f, world) + rng.logistic(0, 1, n)
    is_fraud = np.zeros(n, bool)
    is_fraud[np.argsort(-suspicion, kind="stable")[:FRAUDS_PER_PIECE]] = True
    for name in OFTEN_MISSING:
        f[name] = np.where(rng.random(n) < 0.05, np.nan, f[name])
    return list(f.values()), is_fraud


def risk(f, world):
    """How a payment comes to be a fraud: steps, products and curves of the features."""
    a = [f[f"anonymous_{i}"] for i in range(6)]
    at_night = (f["hour"] < 5) | (f["hour"] > 22)
    in_a_row = f["secs_since_last"] < 300
    behaviour = (
        1.1 * np.log(f["amount_ratio"]) * (f["count_1h"] > 1)
        + 0.55 * np.log1p(f["count_1h"]) * np.sqrt(1 + f["merchants_24h"])
        + 0.4 * np.log(np.maximum(f["amount"], 0.01)) * in_a_row
        + 4 * f["declined_share_7d"]
    )
    place = (
        1.2 * (f["merchant_risk"] > 0.2)
        + 3 * f["merchant_risk"] * (0.5 + f["is_foreign"])
        + 0.35 * np.log1p(f["distance_km"]) * (1 + f["is_foreign"])
        + world.country_risk[f["country"].astype(int)]
        + world.category_risk[f["category"].astype(int)]
    )
    rest = (
        0.9 * at_night
        - 0.45 * np.log1p(f["account_age_days"] / 30)
        + 0.5 * a[0] * (a[1] > 0)
        + 0.6 * np.maximum(a[2] + a[3], 0)
        - 0.4 * np.abs(a[4])
        + 0.35 * np.tanh(f["heavy_tailed_0"]) * a[5]
    )
    return behaviour + place + rest
