"""The machine that measures: what it is, and how busy others keep it."""

import os


def processor():
    """As the machine names it; virtual ones give a vague name, hence family and model."""
    with open("/proc/cpuinfo") as info:
        pairs = [line.split(":", 1) for line in info if ":" in line]
    known = {key.strip(): value.strip() for key, value in reversed(pairs)}
    parts = [known.get("model name", os.uname().machine)]
    parts += [f"{key} {known[key]}" for key in ("cpu family", "model") if key in known]
    return ", ".join(parts)


def busy_secs():
    """Seconds that all cores together have worked or been taken away, since the machine started."""
    with open("/proc/stat") as stat:
        user, nice, system, idle, wait, *interrupts_and_stolen = map(int, stat.readline().split()[1:9])
    return (user + nice + system + sum(interrupts_and_stolen)) / os.sysconf("SC_CLK_TCK")
