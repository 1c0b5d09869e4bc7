"""Drives Chromium by the WebDriver protocol, with nothing but the standard library."""

import argparse
import base64
import json
import pathlib
import socket
import subprocess
import tempfile
import time
import urllib.request

FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync --hide-scrollbars""".split()

# What the page shows beside the slider: key of the point, whether the text is a percentage.
SHOWN = {
    "alerts_per_day": False, "alerts": False, "rows": False, "precision": True, "recall": True,
    "cost_if_reviewed": False, "cost_if_blocked": False, "fraud_amount": False, "amount_recall": True, "legitimate_amount": False,
    "false_positive_rate": True, "margin": False, "probability": True,
}

CONTRAST = """
const seen = [];
const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
const lightness = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
const ground = element => {
    for (; element; element = element.parentElement) {
        const colour = parse(getComputedStyle(element).backgroundColor);
        if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
};
for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || ["SCRIPT", "STYLE", "title"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const ink = parse(element instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [lightness(ink), lightness(ground(element))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) seen.push(element.tagName + " " + element.className + ": " + ratio.toFixed(2));
}
return seen;
"""


class Browser:
    """A session of a driver of our own."""

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.driver = subprocess.Popen(
            ["chromedriver", f"--port={self.port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.session = ""
        options = {
            "args": FLAGS + [f"--user-data-dir={self.folder.name}"],
            "perfLoggingPrefs": {"enableNetwork": True},
        }
        wanted = {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        for attempt in range(100):
            try:
                made = self.call("session", {"capabilities": {"alwaysMatch": wanted}})
                break
            except OSError:
                if attempt == 99:
                    raise
                time.sleep(0.1)
        self.session = f"session/{made['sessionId']}/"

    def call(self, path, body, method="POST"):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{self.session}{path}".rstrip("/"),
            json.dumps(body).encode() if method == "POST" else None,
            {"content-type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def run(self, script, *arguments):
        return self.call("execute/sync", {"script": script, "args": list(arguments)})

    def devtools(self, command, **parameters):
        return self.call("goog/cdp/execute", {"cmd": command, "params": parameters})

    def log(self, kind):
        return self.call("se/log", {"type": kind})

    def close(self):
        # Ends the browser, which would outlive its driver.
        self.call("", None, "DELETE")
        self.driver.terminate()
        self.driver.wait()
        self.folder.cleanup()


def number(text):
    return float(text.replace(",", "").replace("−", "-").replace("%", "").strip())


def check_slider(browser, points):
    """Every value shown at every point is the one of the JSON, as far as its digits go."""
    last = browser.run("return Number(document.getElementById('slider').max)")
    assert last == len(points) - 1, (last, len(points))
    n_values = 0
    for position, point in enumerate(points):
        shown = browser.run(
            """
            const slider = document.getElementById("slider");
            slider.value = arguments[0];
            slider.dispatchEvent(new Event("input", { bubbles: true }));
            const places = [...document.querySelectorAll("[data-of]")];
            return Object.fromEntries(places.map(place => [place.dataset.of, place.textContent]));
            """,
            position,
        )
        assert shown.pop("band") == (point["band"] or "–"), (position, point["band"])
        for key, text in shown.items():
            if point[key] is None:
                assert text == "–", (position, key, text)
                continue
            expected = point[key] * (100 if SHOWN[key] else 1)
            digits = text.rstrip("% ").partition(".")[2]
            step = 10.0 ** -len(digits)
            # Half of the last digit shown; counts of money are whole, others have at most a tenth.
            is_money = key.endswith("_amount") or key.startswith("cost_")
            allowed = max(step / 2, 0.5 if is_money else 0.05 if not digits else 0)
            if SHOWN[key]:
                allowed = step / 2
            assert abs(number(text) - expected) <= allowed * (1 + 1e-6), (position, key, text, expected)
            n_values += 1
    return n_values


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--shots", type=pathlib.Path)
    parser.add_argument("report", type=pathlib.Path)
    parser.add_argument("metrics", type=pathlib.Path, nargs="?")
    args = parser.parse_args()
    url = args.report.resolve().as_uri()
    points = json.loads(args.metrics.read_text())["evidence"]["points"] if args.metrics else []
    browser = Browser()
    try:
        # What the browser's own first page asked for is not ours.
        browser.call("url", {"url": "about:blank"})
        browser.log("browser"), browser.log("performance")
        browser.call("url", {"url": url})
        n_values = check_slider(browser, points) if points else 0
        for scheme in ["light", "dark"]:
            feature = [{"name": "prefers-color-scheme", "value": scheme}]
            browser.devtools("Emulation.setEmulatedMedia", features=feature)
            for width in [1280, 390, 320]:
                browser.devtools(
                    "Emulation.setDeviceMetricsOverride",
                    width=width, height=900, deviceScaleFactor=2 if width < 500 else 1, mobile=width < 500,
                )
                browser.call("refresh", {})
                size = browser.run(
                    "const page = document.documentElement;"
                    "return [page.scrollWidth, page.scrollHeight, getComputedStyle(document.body).backgroundColor]"
                )
                assert size[0] <= width, f"{scheme}, {width}: the page is {size[0]} wide"
                pale = browser.run(CONTRAST)
                assert not pale, f"{scheme}, {width}: {pale}"
                if args.shots and width != 320:
                    clip = {"x": 0, "y": 0, "width": width, "height": size[1], "scale": 1}
                    shot = browser.devtools(
                        "Page.captureScreenshot", captureBeyondViewport=True, clip=clip
                    )
                    name = f"{scheme}-{width}.png"
                    args.shots.mkdir(parents=True, exist_ok=True)
                    (args.shots / name).write_bytes(base64.b64decode(shot["data"]))
        messages = browser.log("browser")
        assert not messages, messages
        events = [json.loads(entry["message"])["message"] for entry in browser.log("performance")]
        asked = [event["params"]["request"]["url"] for event in events
                 if event["method"] == "Network.requestWillBeSent"]
        assert asked, "the browser tells of no request, not even of the page"
        others = [address for address in asked if address != url and not address.startswith("data:")]
        assert not others, others
        values = f"{len(points)} points, {n_values} values as in {args.metrics.name}, " if points else ""
        print(f"{args.report.name}: {values}no message, no request besides the page, both schemes at 3 widths")
    finally:
        browser.close()


if __name__ == "__main__":
    main()
