"""How soon the page can be used, and how fast it runs: `python -m irq13.sim.benchmarks.play`.

In headless Chromium, which has to be installed, by the package playwright.
"""

import shutil
import statistics
import sys
import tempfile
from pathlib import Path

OPENINGS, CYCLES, ROUNDS = 5, 1000, 15
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def measure_page() -> tuple[list[float], list[float], int]:
    """Openings and rounds in ms, and the bytes of the page.

    An opening goes from the start of its navigation to the first step, by the page's own clock; a round is
    CYCLES cycles as the page runs them, processor and record included, the rounds in their order.
    """
    from playwright.sync_api import sync_playwright

    from ..play.page import play_page

    openings, rounds = [], []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "play.html"
        path.write_text(play_page(), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for _ in range(OPENINGS):
            shown = browser.new_context(offline=True).new_page()
            # As soon as the page can be used.
            shown.add_init_script("addEventListener('irq13', () => document.getElementById('step').click())")
            shown.goto(path.as_uri())
            shown.wait_for_function("window.irq13 && irq13.firstStep")
            openings.append(shown.evaluate("irq13.firstStep"))
            if len(openings) == OPENINGS:
                rounds = [shown.evaluate(f"irq13.measure({CYCLES})") for _ in range(ROUNDS)]
        browser.close()
        return openings, rounds, path.stat().st_size


def print_speed() -> None:
    """Print what was measured."""
    if shutil.which("chromium") is None:
        sys.exit("chromium is not installed: apt install chromium")
    openings, rounds, size = measure_page()
    shown = ", ".join(f"{one:.0f}" for one in openings)
    print(f"page: {size / 1000:.0f} kB")
    print(f"first step after {statistics.median(openings):.0f} ms, the median of {shown}")
    settled = statistics.median(rounds[-5:])
    print(f"{CYCLES} cycles: {settled:.1f} ms; the first ones, before they are compiled: {rounds[0]:.1f} ms")


if __name__ == "__main__":
    print_speed()
