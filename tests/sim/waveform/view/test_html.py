"""The page of a trace in headless Chromium."""

import re

import numpy as np
import pytest
from irq13.model.registers import Generation
from irq13.sim import Trace
from irq13.sim.scenarios.run import run_scenario
from irq13.sim.scenarios.scenario import load_scenario
from irq13.sim.waveform.selection import ON_A_PAGE, choose_signals
from irq13.sim.waveform.view.html import wave_page
from irq13.sim.waveform.wave import Wave
from playwright.sync_api import sync_playwright

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def browser(tool):
    path = tool("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, tmp_path):
    """`opened(text)`: the page, offline; what it complains about fails the test."""
    complaints, contexts = [], []

    def open_page(text, **options):
        path = tmp_path / "x.html"
        path.write_text(text, encoding="utf-8")
        contexts.append(browser.new_context(viewport={"width": 1200, "height": 600}, offline=True, **options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_selector("#names li")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def handshake():
    return run_scenario(load_scenario("dos-divide-by-zero"), Generation.I486, "model").trace


@pytest.fixture
def shown(opened, handshake):
    return opened(wave_page(handshake, choose_signals(handshake, default=ON_A_PAGE)))


def position(page, time, row, end=390):
    """Where a time of a row is drawn while everything is shown."""
    box = page.locator("#waves").bounding_box()
    return box["x"] + box["width"] * time / (end * 1.01), box["y"] + 24 + 30 * row + 15


def names(page):
    return page.locator("#names li .name").all_text_contents()


def colour_at(page, x, y):
    box = page.locator("#waves").bounding_box()
    script = """([x, y]) => {
        const copy = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
        copy.drawImage(document.getElementById("waves"), -Math.round(x), -Math.round(y));
        return [...copy.getImageData(0, 0, 1, 1).data];
    }"""
    page.wait_for_timeout(60)
    return tuple(page.evaluate(script, [x - box["x"], y - box["y"]])[:3])


def test_the_signals_are_there_the_pins_first(shown):
    assert names(shown)[:3] == ["FERR#", "IRQ13", "INTR"]
    assert shown.title() == "Divide by zero in a DOS program"


def test_levels_are_drawn_where_they_are(shown):
    """FERR# is low from 150 to 290 ns: nothing is drawn at the upper level there, and a line at the lower."""
    x, y = position(shown, 205, 0)
    paper, line = colour_at(shown, x, y), colour_at(shown, x, y + 9)
    assert paper != line
    assert colour_at(shown, x, y - 9) == paper
    x, _ = position(shown, 105, 0)
    assert colour_at(shown, x, y - 9) != paper
    assert colour_at(shown, x, y + 9) == paper


def test_two_cursors_and_their_distance(shown):
    """They snap to the edges near them: FERR# falls in cycle 15, IGNNE# in cycle 22."""
    shown.mouse.click(*position(shown, 151, 0))
    shown.keyboard.down("Shift")
    shown.mouse.click(*position(shown, 221, 4))
    shown.keyboard.up("Shift")
    text = shown.text_content("#readout")
    assert "A: cycle 15 (150 ns)" in text
    assert "B: cycle 22 (220 ns)" in text
    assert "B \N{MINUS SIGN} A: 7 cycles, 70 ns" in text
    shown.keyboard.press("Escape")
    assert shown.text_content("#readout") == ""


def test_hovering_shows_value_time_and_cause(shown, handshake):
    shown.mouse.move(*position(shown, 200, 0))
    text = shown.text_content("#tip")
    cause = next(cause for edge, cause in handshake.causes.items() if edge == ("ferr_n", 15))
    assert text == f"FERR# = 0 since cycle 15 (150 ns)falls: {cause.text}"


def test_keys_step_from_edge_to_edge_and_say_why(shown):
    status = shown.locator("#status")
    shown.keyboard.press("n")
    assert status.text_content().startswith("FERR# falls in cycle 15 (150 ns): ES set by 'fdiv raises=ZE'")
    shown.keyboard.press("n")
    assert status.text_content().startswith("FERR# rises in cycle 29 (290 ns): ES = 0")
    shown.keyboard.press("n")
    assert status.text_content() == "FERR# has no later edge"
    shown.keyboard.press("p")
    assert status.text_content().startswith("FERR# falls in cycle 15")
    shown.keyboard.press("ArrowDown")
    shown.keyboard.press("n")
    assert status.text_content() == "IRQ13 rises in cycle 16 (160 ns): FF1 set: FERR# fell in cycle 15"


def test_search_hide_and_all_signals(shown):
    shown.keyboard.press("/")
    shown.keyboard.type("slave")
    assert set(names(shown)) == {"IRR", "ISR", "IMR", "INT"}
    shown.keyboard.press("Escape")
    before = names(shown)
    shown.keyboard.press("h")
    assert names(shown) == before[1:]
    shown.click("#all")
    assert len(names(shown)) > 70


def test_a_reader_that_does_not_see_finds_names_values_and_what_happened(shown):
    items = shown.get_by_role("listbox", name="Signals").get_by_role("option")
    assert items.first.get_attribute("aria-label") == "FERR# is 1 at cycle 0 (0 ns)"
    assert items.first.get_attribute("aria-selected") == "true"
    assert shown.locator("#status").get_attribute("aria-live") == "polite"
    for button in shown.get_by_role("button").all():
        assert button.get_attribute("aria-label") or button.text_content()


def test_wheel_keys_and_drag_zoom_and_pan(shown):
    def visible():
        shown.wait_for_timeout(60)
        x, y = position(shown, 195, 0)
        shown.mouse.click(x, y + 200 - 2)
        found = re.search(r"\((\S+) (\w+)\)", shown.text_content("#readout"))
        return float(found[1])

    x, y = position(shown, 195, 0)
    middle = visible()
    shown.mouse.move(x, y)
    shown.mouse.wheel(0, -800)
    assert visible() == pytest.approx(middle, abs=3)
    shown.keyboard.press("ArrowRight")
    panned = visible()
    assert panned > middle
    shown.mouse.move(x, y)
    shown.mouse.down()
    shown.mouse.move(x + 200, y, steps=4)
    shown.mouse.up()
    assert visible() < panned
    shown.keyboard.press("f")
    assert visible() == pytest.approx(middle, abs=3)


def test_two_fingers_zoom(opened, handshake):
    page = opened(wave_page(handshake, choose_signals(handshake)), has_touch=True)
    script = """() => {
        const target = document.getElementById("waves");
        const send = (type, id, x) => target.dispatchEvent(new PointerEvent(type, {
            pointerId: id, clientX: target.getBoundingClientRect().x + x, clientY: 200, pointerType: "touch",
            bubbles: true }));
        target.setPointerCapture = () => {};
        send("pointerdown", 1, 400); send("pointerdown", 2, 500);
        send("pointermove", 1, 200); send("pointermove", 2, 700);
        send("pointerup", 1, 200); send("pointerup", 2, 700);
    }"""
    before = page.screenshot()
    page.evaluate(script)
    page.wait_for_timeout(60)
    assert page.screenshot() != before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(opened, handshake, scheme):
    page = opened(wave_page(handshake, choose_signals(handshake)), color_scheme=scheme)
    paper = colour_at(page, *position(page, 100, 12))
    assert (sum(paper) > 600) == (scheme == "light")


def test_a_notebook_shows_the_same_page(opened, handshake):
    frame = handshake._repr_html_()
    page = opened(f"<!doctype html><link rel=icon href='data:,'><ul id=names><li>x</ul>{frame}")
    inside = page.frame_locator("iframe")
    assert inside.locator("#names li .name").first.text_content() == "FERR#"


def test_a_million_changes_open_and_pan(opened):
    """Each change is there: the view in the middle shows the value that the trace has."""
    count = 1_000_000
    times = np.arange(count, dtype=np.int64) * 7
    bit = Wave("top.bit", times, np.arange(count) % 2, 1)
    bus = Wave("top.bus", times, np.arange(count) % 251, 8)
    trace = Trace({one.name: one for one in (bit, bus)}, None, int(times[-1]) + 7)
    page = opened(wave_page(trace, choose_signals(trace)))
    page.keyboard.press("a")
    for _ in range(40):
        page.keyboard.press("+")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(100)
    x, y = position(page, 0.5, 1, end=1)
    page.mouse.move(x, y)
    found = re.match(r"bus = (\w+) since (\S+) (\w+)", page.text_content("#tip"))
    scale = {"ns": 1, "µs": 1e3, "ms": 1e6}[found[3]]
    assert int(found[1], 16) == round(float(found[2]) * scale) // 7 % 251


def test_what_a_title_or_a_name_holds_cannot_break_out(opened):
    evil = "</script><script>alert(1)</script>@DATA@"
    trace = Trace({evil: Wave(evil, np.array([0, 5]), np.array([0, 1]), 1)}, None, 10, title=evil)
    page = opened(wave_page(trace, choose_signals(trace)))
    assert page.title() == evil
