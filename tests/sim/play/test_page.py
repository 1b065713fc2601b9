"""The page in headless Chromium: by clicks, by keys, and against the model."""

import json
import random
import re
from pathlib import Path

import pytest
from irq13.model import Parameters
from irq13.model.registers import Generation
from irq13.sim import Simulation
from irq13.sim.machines.machine import ModelMachine
from irq13.sim.machines.ports import INPUTS, read_inputs
from irq13.sim.play import page
from irq13.sim.play.page import SHOWN, STEPS, play_page
from irq13.sim.play.sources import page_file
from irq13.sim.scenarios.run import run_scenario
from irq13.sim.scenarios.scenario import load_scenario
from irq13.sim.waveform.causes.cause import Edge
from irq13.sim.waveform.vcd_writer import write_vcd
from playwright.sync_api import sync_playwright
from support.command import irq13
from support.javascript import BROWSER

DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
CIRCUIT = Path(__file__).parents[3] / "sim" / "play" / "circuit.svg"
MOST_BYTES = 400 * 1024
# What is pressed in each lesson: buttons of the program and pins by name, else a control.
SOLUTIONS = (
    "fdiv step",
    "ignne_n step step",
    "ignne_n step step ignne_n step step",
    "fdiv fst",
    "run f0 fnclex eois eoim iret step",
    "ignne_n step step",
    "em1 msr1 fdiv fst",
    "run msr1 fst fnclex msr0",
)
CAUSES = """() => {
    const { rows, recording } = irq13.session, found = [];
    for (let cycle = 1; cycle < rows.length; cycle++) for (const name of TRACED) {
        if (rows[cycle][name] === rows[cycle - 1][name]) continue;
        const edges = causesOf(rows, cycle, name, 2, recording.generation === "I486");
        if (edges.length) found.push([name, cycle, edges]);
    }
    return found;
}"""
PICTURE = """css => {
    const svg = document.querySelector("#drawing").cloneNode(true);
    for (const one of svg.querySelectorAll("[tabindex]")) one.removeAttribute("tabindex");
    const style = document.createElementNS(svg.namespaceURI, "style");
    style.textContent = css;
    svg.prepend(style);
    svg.setAttribute("width", 1290);
    svg.style.background = "var(--paper)";
    return new XMLSerializer().serializeToString(svg);
}"""
CONTROLS = {"step": ".", "run": "g", "back": ",", "reset": "r", "slow": "m"}


@pytest.fixture(scope="module")
def browser(tool):
    path = tool("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=BROWSER)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def whole():
    return play_page()


@pytest.fixture
def opened(browser, tmp_path):
    """`opened(text, fragment)`: the page, offline; what it complains about fails the test."""
    complaints, contexts = [], []

    def open_page(text, fragment="", viewport=DESKTOP, **options):
        path = tmp_path / "play.html"
        path.write_text(text, encoding="utf-8")
        contexts.append(browser.new_context(viewport=viewport, offline=True, **options))
        shown = contexts[-1].new_page()
        shown.on("console", lambda message: complaints.append(message.text))
        shown.on("pageerror", lambda error: complaints.append(str(error)))
        shown.goto(path.as_uri() + fragment)
        shown.wait_for_function("window.irq13")
        return shown

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def act(shown, name, by):
    """A press, by a click or by a key."""
    target = f"#{name}" if name in CONTROLS else f"[data-step='{name}'], [data-pin='{name}']"
    if by == "click":
        shown.click(target)
        return
    key = CONTROLS.get(name) or shown.get_attribute(target, "aria-keyshortcuts")
    shown.keyboard.press(key)


def lesson_done(shown, number, by):
    """Whether a lesson counts as done, before each press and after the last."""
    shown.evaluate(f"irq13.choose({{ mode: 'lesson', lesson: {number}, stages: 2 }})")
    seen = [shown.evaluate("irq13.done")]
    for name in SOLUTIONS[number].split():
        act(shown, name, by)
        seen.append(shown.evaluate("irq13.done"))
    return seen


def test_a_page_opens_and_a_lesson_is_done_by_keys(opened, monkeypatch):
    monkeypatch.setattr(page, "_plain", lambda: [Parameters("P6")])
    shown = opened(play_page(generation="P6"))
    seen = lesson_done(shown, 0, "key")
    assert not any(seen[:-1])
    assert seen[-1]
    assert "FERR# goes low" in shown.text_content("#status")
    assert shown.get_attribute("[data-part='ferr_n'][tabindex]", "aria-label") == "FERR#: 0 (low, asserted)"


@pytest.mark.slow
def test_every_lesson_is_done_by_clicks_and_by_keys(opened, whole):
    assert len(whole.encode()) <= MOST_BYTES
    shown = opened(whole)
    for number in range(8):
        for by in ("click", "key"):
            seen = lesson_done(shown, number, by)
            assert not any(seen[:-1]), (number, seen)
            assert seen[-1], (number, by)
            assert shown.locator("#task-box.is-done").count() == 1
    # FNCLEX in the place of what is asked for is not.
    shown.evaluate("irq13.choose({ mode: 'lesson', lesson: 5 })")
    for _ in range(20):
        act(shown, "step", "key")
    assert not shown.evaluate("irq13.done")


@pytest.mark.slow
def test_what_a_press_passes_is_marked_announced_and_kept(opened, whole):
    shown = opened(whole)
    shown.evaluate("irq13.choose({ mode: 'lesson', lesson: 6 })")
    act(shown, "em1", "key")
    act(shown, "msr1", "key")
    # Two cycles: IGNNE has changed in the first.
    assert "IGNNE in effect" in shown.text_content("#status")
    assert "changed" in shown.get_attribute("[data-part='ignne']", "class")
    for name in ("fdiv", *["step"] * 20):
        act(shown, name, "key")
    assert "changed" not in shown.get_attribute("[data-part='ignne']", "class")
    events = shown.locator("#log li").all_text_contents()
    assert any("IGNNE in effect" in event for event in events)
    cycles = [int(event.split()[0]) for event in events]
    assert cycles == sorted(cycles)
    # P6 reports at once: because of ES, not of the freeze of an FST right behind.
    shown.evaluate("irq13.choose({ mode: 'lesson', lesson: 3 })")
    for name in ("fdiv", "fst", "step", "step"):
        act(shown, name, "key")
    assert "FERR# goes low: the processor reports the error (because ES" in shown.text_content("#log")


@pytest.mark.slow
def test_who_drives_whom_is_told_as_drawn(opened, whole):
    shown = opened(whole)
    shown.evaluate("irq13.choose({ mode: 'free', stages: 3 })")
    ends = []
    for stage in range(3):
        shown.focus(f"[data-signal='stage{stage}']")
        ends.append(shown.locator("#part dd").all_text_contents()[:2])
    wire, switch = ends[0][0], ends[2][1]
    assert ends == [[wire, "②"], ["①", "③"], ["②", switch]]
    assert (wire[:15], switch) == ("the wire IGNNE#", "the switch")
    # The other driver gives its wire low or nothing, never high.
    for classes in ({"free"}, set()):
        found = set(shown.get_attribute("[data-signal='outside']", "class").split())
        assert found & {"free", "on"} == classes
        act(shown, "ignne_n", "key")


@pytest.mark.slow
def test_the_picture_in_the_readme_is_the_page_s(opened, whole, tmp_path):
    """A frozen FST. Where the drawing has changed, the new picture stands beside the page of this test."""
    css = page_file("play.css")
    colours = css[: css.index("* {")]
    drawn = css[css.index("svg text {") : css.index("@media (prefers-reduced")]
    shown = opened(whole)
    shown.evaluate("irq13.choose({ mode: 'free', generation: 'I486', stages: 2 })")
    for name in ("fdiv", "fst"):
        act(shown, name, "key")
    assert "frozen" in shown.text_content("#drawing").lower()
    picture = tmp_path / "circuit.svg"
    picture.write_text(shown.evaluate(PICTURE, colours + drawn) + "\n", encoding="utf-8")
    assert picture.read_text("utf-8") == CIRCUIT.read_text("utf-8"), f"copy {picture} to sim/play"


@pytest.mark.slow
def test_levels_on_the_drawing_are_the_models(opened, whole):
    generation = "AMD64"
    shown = opened(whole)
    shown.evaluate(f"irq13.choose({{ mode: 'free', generation: '{generation}', stages: 3 }})")
    pick = random.Random(24)
    names = [
        *STEPS,
        *["ignne_n", "irq", "nmi"] * 3,
        *["fdiv", "fst", "f0", "fnclex", "iret", "eois", "eoim"] * 3,
    ]
    script = """() => {
        const { session } = irq13, { now } = session, drawn = {};
        for (const { dataset } of document.querySelectorAll("#drawing [data-signal]")) {
            drawn[dataset.signal] = dataset.level;
        }
        const inputs = [];
        const again = Object.assign(Object.create(Object.getPrototypeOf(session)), session);
        const names = Object.keys(session.machine.inputs);
        again.seen = () => inputs.push(names.map((name) => String(again.pc.input(name))));
        again.replay(session.cycle);
        inputs.push(names.map((name) => String(again.pc.input(name))));
        session.replay(session.cycle);
        return { drawn, names, inputs };
    }"""
    machine, cycle = ModelMachine(Parameters(generation, synchroniser_stages=3)), 0
    for _ in range(40):
        act(shown, pick.choice([*names, *["step"] * 20]), "click")
        found = shown.evaluate(script)
        for levels in found["inputs"][cycle:-1]:
            machine.step(_inputs(found["names"], levels))
        cycle = len(found["inputs"]) - 1
        outputs = machine.settle(_inputs(found["names"], found["inputs"][-1]))
        drawn = found["drawn"]
        wanted = {
            name: getattr(outputs, name) for name in ("ferr_n", "irq13", "ignne_n", "ignne", "es", "intr")
        }
        wanted |= {name: getattr(outputs, name) for name in ("flags", "masks", "ignne_msr", "slave_int")}
        for pic in ("master", "slave"):
            wanted |= {
                f"{pic}_{name}": getattr(getattr(outputs, pic), name) for name in ("irr", "isr", "imr")
            }
        wanted |= {"freeze": outputs.decision.name == "FREEZE", "ignne_em": bool(int(outputs.hwcr) & 0x100)}
        assert {name: int(drawn[name]) for name in wanted} == {name: int(one) for name, one in wanted.items()}
    assert cycle > 40


def _inputs(names, levels):
    found = dict(zip(names, map(int, levels), strict=True))
    return read_inputs({name: found[name] for name in INPUTS})


@pytest.mark.slow
def test_waveforms_are_those_of_a_run(opened, whole, tmp_path):
    """Of a scenario byte for byte, its causes included; of what was pressed, by the contract."""
    shown, explained = opened(whole), set()
    for name in SHOWN:
        scenario = load_scenario(name)
        shown.evaluate(f"irq13.choose({{ mode: 'scenario', scenario: '{name}' }})")
        generation = Generation(shown.evaluate("irq13.session.recording.generation"))
        shown.evaluate("() => { while (!irq13.session.over) irq13.session.step(); irq13.session.tick(); }")
        run = run_scenario(scenario, generation, "model")
        with (tmp_path / "run.vcd").open("w", encoding="utf-8") as file:
            write_vcd(run.trace, file)
        # The rules for what is pressed name no edge that the run's own causes do not lead back to.
        for signal, cycle, because in shown.evaluate(CAUSES):
            behind = _behind(run.trace.causes, Edge(signal, cycle))
            assert {Edge(*one) for one in because} <= behind, (name, signal, cycle)
            explained.add(signal)
        assert shown.evaluate("irq13.dump()") == (tmp_path / "run.vcd").read_text("utf-8"), name
    assert {"ferr_n", "irq13", "slave_int", "intr", "ignne_n", "ignne", "freeze"} <= explained
    shown.evaluate("irq13.choose({ mode: 'free', generation: 'I486', stages: 2, served: true })")
    for name in ("fdiv", "fst", "step", "step", "step", "run", "ignne_n", "step", "step", "irq", "run"):
        act(shown, name, "key")
    with shown.expect_download() as download:
        shown.click("#vcd")
    download.value.save_as(tmp_path / "pressed.vcd")
    result = irq13("check", "pressed.vcd", "contract", cwd=tmp_path)
    assert result.returncode == 0, result.stdout
    assert "irq13" in result.stdout


def _behind(causes, edge):
    """All edges that an edge follows from, near and far."""
    found, waiting = set(), [edge]
    while waiting:
        cause = causes.get(waiting.pop())
        for one in cause.because if cause else ():
            if one not in found:
                found.add(one)
                waiting.append(one)
    return found


@pytest.mark.slow
def test_a_link_leads_to_the_same_state(opened, whole):
    shown = opened(whole)
    shown.evaluate("irq13.choose({ mode: 'free', generation: 'AMD64', stages: 3 })")
    for name in ("fdiv", "fst", "step", "ignne_n", "step", "step", "step", "back", "ne1"):
        act(shown, name, "click")
    state = "JSON.stringify([irq13.session.cycle, irq13.session.now])"
    there, fragment = shown.evaluate(state), shown.evaluate("location.hash")
    assert opened(whole, fragment).evaluate(state) == there
    damaged = opened(whole, fragment.replace("fdiv", "fdif"))
    assert "This link is damaged: a = " in damaged.text_content("#status")


@pytest.mark.slow
def test_it_fits_a_phone_in_both_languages_and_is_announced(opened, whole):
    for viewport in (DESKTOP, PHONE):
        shown = opened(whole, viewport=viewport, reduced_motion="reduce", color_scheme="dark", locale="zh-CN")
        assert shown.evaluate("document.documentElement.lang") == "zh-CN"
        for mode in ("lesson", "free", "scenario"):
            shown.evaluate(f"irq13.choose({{ mode: '{mode}' }})")
            assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth"), (mode, viewport)
        assert shown.evaluate("getComputedStyle(document.querySelector('.wire')).transitionDuration") == "0s"
        assert shown.get_attribute("#status", "aria-live") == "polite"
        shown.evaluate("irq13.choose({ mode: 'lesson', lesson: 3 })")
        act(shown, "fdiv", "key")
        act(shown, "fst", "key")
        assert "冻结" in shown.text_content("#status")
        # Each part of the drawing has a name and is reached by Tab.
        names = shown.locator("#drawing [tabindex='0']").evaluate_all(
            "all => all.map(e => e.getAttribute('aria-label'))"
        )
        assert len(names) > 25
        assert all(names)


@pytest.mark.slow
def test_a_notebook_plays_what_was_done(opened):
    sim = Simulation("P6", on="model", nowait_window=6)
    sim.issue("fninit")
    sim.issue("fldcw", masks="none")
    sim.issue("fdiv", raises="ZE")
    sim.step(4)
    shown = opened(f"<!doctype html><title>n</title>{sim._repr_html_()}<script>irq13 = 1</script>")
    inner = shown.frames[1]
    inner.wait_for_function("window.irq13")
    seen = []
    for _ in range(7):
        seen.append(inner.evaluate("(({ es, ferr_n, irq13 }) => [es, ferr_n, irq13])(irq13.session.now)"))
        inner.evaluate("irq13.session.step()")
    trace = sim.trace()
    wanted = [[int(trace[name].at(10 * n)) for name in ("es", "ferr_n", "irq13")] for n in range(7)]
    assert seen == wanted
    assert [1, 0, 1] in seen


def _paths(value, path=""):
    """Every text with its position."""
    if isinstance(value, str):
        return {path: value}
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return {key: text for name, one in items for key, text in _paths(one, f"{path}/{name}").items()}


def test_both_languages_say_the_same_things():
    texts = json.loads(page_file("texts.json"))
    english, chinese = _paths(texts["en"]), _paths(texts["zh"])
    assert english.keys() == chinese.keys()
    assert all(text.strip() for text in [*english.values(), *chinese.values()])
    # What is filled in, and what is stressed, is so in both.
    for key, text in english.items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", chinese[key])), key
        assert text.count("**") % 2 == chinese[key].count("**") % 2 == 0, key
    assert set(
        re.findall(r'"([^"]+)"', " ".join(re.findall(r"words: \[(.*?)\]", page_file("lesson.js"))))
    ) <= set(texts["en"]["words"])
    names = re.compile(r"[\w.#: =]+")
    same = [key for key, text in english.items() if text == chinese[key] and not names.fullmatch(text)]
    assert all(re.search(r"/parts/\w+/4|/steps/", key) or "8259A" in key for key in same), same
    assert len(texts["en"]["lessons"]) == 8 == page_file("lesson.js").count("generation:")
    assert set(texts["en"]["steps"]) == set(STEPS)
    used = set(re.findall(r'data-(?:text|title|label)="(\w+)"', page_file("play.html")))
    used |= set(re.findall(r'\bui\("(\w+)"', page_file("app.js")))
    assert used <= set(texts["en"]["ui"])


def test_bad_arguments_are_one_line(tmp_path):
    result = irq13("play", "no-such", cwd=tmp_path)
    assert (result.returncode, list(tmp_path.iterdir())) == (2, [])
    result = irq13("play", "no-wait-case-1", "--generation", "P6", cwd=tmp_path)
    assert result.returncode == 2
    assert "runs on I486, not on P6" in result.stderr
