"""All who serve a model, each a process of its own that waits until it is asked: one at a time, ours
and theirs in turn, round after round, so that a machine that grows slower or faster does so for all."""

import json
import os
import subprocess
import time
from statistics import median

import numpy as np

from machine import busy_secs

OURS = "shroff"
# How far a probability of ours may lie from that of the library that trained.
TOLERANCE = 1e-12
MEASURES = ("single", "batch", "load")
# One thread for all. Where a library has more all the same, they do not spin while they wait.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


class Served:
    """One process that serves one model."""

    def __init__(self, name, command, file, table, order, scores, more=()):
        self.name, self.found = name, []
        rows = os.path.join(table, "test.f32")
        self.process = subprocess.Popen(
            [*command, file, rows, order, scores, *more], env=ONE_THREAD | os.environ, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        self.scores = scores

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"error: {self.name} ended with code {self.process.wait()}; see above")
        return json.loads(line)

    def ask(self, measure):
        self.process.stdin.write(measure + "\n")
        self.process.stdin.flush()
        return self.answer()

    def difference(self, expected):
        """The largest of all rows between its probabilities, single and batch, and the expected."""
        single, batch = np.fromfile(self.scores, "<f8").reshape(2, -1)
        return float(max(np.abs(single - expected).max(), np.abs(batch - expected).max()))

    def cpu_secs(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            user, system = stat.read().rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Contest:
    """All that serve one model, ours first."""

    def __init__(self, model, peers, program, table, order, avx2):
        self.model, self.peers = model, peers
        command = [program, "serve"]
        more = ["avx2"] if avx2 else []
        scores = lambda name: model.path(f"{name}.scores")
        place = (table, order)
        self.served = [Served(OURS, command, model.path("model.shroff"), *place, scores(OURS), more)]
        self.engine = self.served[0].answer()["engine"]
        for peer in peers:
            self.served.append(Served(peer.name, peer.command, peer.file, *place, scores(peer.name)))
            # One after the other: each scores all rows before it is ready.
            self.served[-1].answer()
        self.differences = self.checked()

    def checked(self):
        expected = np.fromfile(self.model.path("expected.f64"))
        found = {served.name: served.difference(expected) for served in self.served}
        for name, tolerance in [(OURS, TOLERANCE), *((peer.name, peer.tolerance) for peer in self.peers)]:
            if not found[name] <= tolerance:
                raise SystemExit(
                    f"error: {self.model.name}: expected probabilities of {name} within {tolerance} of "
                    f"those of the library that trained it, found {found[name]}"
                )
        return found

    def round(self, number):
        """Everyone measured once; every other round the other way round."""
        figures = {served.name: {} for served in self.served}
        for measure in MEASURES:
            for served in self.served[:: -1 if number % 2 else 1]:
                figures[served.name] |= served.ask(measure)
        threads = self.served[0].ask("threads")
        figures[OURS]["two_thread_scaling"] = threads["scoring"] / threads["arithmetic"]
        figures[OURS]["two_thread_speed_up"] = threads["scoring"]
        figures[OURS]["arithmetic_speed_up"] = threads["arithmetic"]
        for served in self.served:
            served.found.append(figures[served.name])

    def figures(self):
        """Medians of the rounds, and ours over theirs: the median of the ratios within a round."""
        ours = self.served[0].found
        found = {}
        for served in self.served:
            of = {key: median(round[key] for round in served.found) for key in served.found[0]}
            of["max_difference"] = self.differences[served.name]
            if served.name != OURS:
                for key, ratio in (("p50", "p50_ratio"), ("rows_per_s", "batch_ratio"), ("load_ms", "load_ratio")):
                    of[ratio] = median(mine[key] / their[key] for mine, their in zip(ours, served.found))
            found[served.name] = of
        return found


def measure(contests, rounds, say):
    """Measures all; gives how many cores other programs kept busy meanwhile."""
    everyone = [served for contest in contests for served in contest.served]
    own_secs = lambda: time.process_time() + sum(served.cpu_secs() for served in everyone)
    clock, busy, own = time.perf_counter(), busy_secs(), own_secs()
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        for contest in contests:
            contest.round(number)
    others = busy_secs() - busy - (own_secs() - own)
    return max(0.0, others / (time.perf_counter() - clock))
