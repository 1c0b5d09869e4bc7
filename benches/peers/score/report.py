"""What was found: the headline, the table, and the record of a run."""

import datetime
import os

from rounds import OURS

# What a quiet machine does for itself.
QUIET_CORES = 0.1


def headline(contests):
    """Over the models whose peers are required: the worst of each ratio against the best of them; none
    where no model that was chosen has one."""
    p50, batch, load, threads = [], [], [], []
    for contest in contests:
        figures = contest.figures()
        required = [peer.name for peer in contest.peers if peer.required]
        if not required:
            continue
        # The peer that comes out best gives the ratio that is worst for us.
        p50.append(max(figures[name]["p50_ratio"] for name in required))
        batch.append(min(figures[name]["batch_ratio"] for name in required))
        threads.append(figures[OURS]["two_thread_scaling"])
        if "lightgbm" in required:
            load.append(figures["lightgbm"]["load_ratio"])
    return {
        "p50_ratio": max(p50, default=None),
        "batch_ratio": min(batch, default=None),
        "two_thread_scaling": min(threads, default=None),
        "load_ratio": max(load, default=None),
    }


def table(contests):
    lines = [
        f"{'':<12}{'p50 ns':>9}{'p99 ns':>9}{'p99.9 ns':>12}{'batch rows/s':>14}{'load ms':>9}"
        f"{'max diff':>10} | ours/theirs:{'p50':>7}{'batch':>7}{'load':>9}"
    ]
    for contest in contests:
        lines += ["", f"{contest.model.title}; engine {contest.engine}"]
        for name, of in contest.figures().items():
            line = (
                f"{name:<12}{of['p50']:>9,.0f}{of['p99']:>9,.0f}{of['p999']:>12,.0f}"
                f"{of['rows_per_s']:>14,.0f}{of['load_ms']:>9.2f}{of['max_difference']:>10.0e} |"
            )
            if name == OURS:
                line += (
                    f" two threads: {of['two_thread_speed_up']:.2f} times one,"
                    f" arithmetic {of['arithmetic_speed_up']:.2f}"
                )
            else:
                line += f"{of['p50_ratio']:>20.3f}{of['batch_ratio']:>7.2f}{of['load_ratio']:>9.2f}"
            lines.append(line)
    return "\n".join(lines)


def disturbed(others_cores):
    """A warning if other programs took part of the machine; empty if not."""
    if others_cores <= QUIET_CORES:
        return ""
    return (
        f"\nOther programs kept {others_cores:.1f} cores busy meanwhile: believe no single time, the"
        " ratios with care, and measure again on a quiet machine."
    )


def write_record(folder, command, about, text):
    """Writes a dated record; gives its path."""
    os.makedirs(folder, exist_ok=True)
    today = datetime.date.today().isoformat()
    path = os.path.join(folder, f"score-{today}.md")
    versions = ", ".join(f"{name} {found}" for name, found in about["versions"].items())
    with open(path, "w") as file:
        file.write(
            f"# Scoring next to other libraries\n\n{today}. {about['cores']} cores of {about['processor']};\n"
            f"load {about['load_at_start']:.1f} at the start, {about['others_cores']:.1f} cores kept busy by "
            f"others.\n{about['compilers']}.\n{versions}.\n\n`{command}`\n\n```text\n{text}\n```\n"
        )
    return path
