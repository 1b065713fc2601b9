"""Every README.md: what it pastes is what comes out, its Python runs, what it names or links to exists."""

import importlib
import re
import shlex
from pathlib import Path

import irq13.sim as sim
import pytest
from irq13.sim.cli.main import COMMANDS
from irq13.sim.cli.main import main as command_line
from irq13.sim.scenarios import scenario
from irq13.sim.scenarios.scenario import shipped_scenarios
from support.command import irq13
from support.simulated_board import SimulatedBoard

ROOT = Path(__file__).parents[1]
ROOMS = [ROOT / "model", ROOT / "hdl", ROOT / "sim"]
PAGES = {
    str(page.relative_to(ROOT)): page.read_text("utf-8")
    for page in [ROOT / "README.md", *sorted(page for room in ROOMS for page in room.rglob("README.md"))]
}
PASTED = [
    (page, *match)
    for page, text in PAGES.items()
    for match in re.findall(
        r"^<!-- (output|part) of: irq13 (.*?) -->\n```\n(.*?)^```$", text, re.DOTALL | re.MULTILINE
    )
]
BLOCKS = [
    (page, *match)
    for page, text in PAGES.items()
    for match in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
]
PROSE = {
    page: re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE) for page, text in PAGES.items()
}
SPANS = [(page, span) for page, text in PROSE.items() for span in re.findall(r"`([^`\n]+)`", text)]


def printed(*arguments, cwd):
    output = irq13(*arguments, cwd=cwd).stdout
    return "\n".join(line.rstrip() for line in output.rstrip().split("\n")) + "\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a reader would stand: with the waveform of the default run and the rule that is shown broken."""
    folder = tmp_path_factory.mktemp("readme")
    printed("run", "--on", "model", cwd=folder)
    (folder / "rules.toml").write_text("rules = 'irq13 rises exactly 2 cycles after ferr_n falls'\n")
    (folder / "tests").symlink_to(ROOT / "tests")
    return folder


def test_the_first_page_is_one_page():
    assert PAGES["README.md"].count("\n") <= 150


@pytest.mark.parametrize(
    ("page", "how", "command", "text"), PASTED, ids=[f"{page}: {command}" for page, _, command, _ in PASTED]
)
def test_what_is_pasted_is_what_comes_out(folder, tmp_path, page, how, command, text):
    """`command` stands in a comment above each block: its output, or parts of that, with `...` between."""
    # A run on all machines writes another waveform under the name of the default run's, which others read.
    output = printed(*shlex.split(command), cwd=tmp_path if "--machine all" in command else folder)
    if how == "output":
        assert text == output
        return
    rest = "\n" + output
    for part in text.split("...\n"):
        _, found, rest = rest.partition("\n" + part)
        assert found, f"{page}: not in what follows:\n{part}\n{rest}"
        rest = "\n" + rest


def test_no_output_is_pasted_without_its_command():
    assert len(PASTED) == sum(not language for _, language, _ in BLOCKS)


# What imports cocotb runs inside a simulator: tests/sim/cocotb/test_cocotb.py.
PYTHON = [(page, text) for page, language, text in BLOCKS if language == "python" and "cocotb" not in text]


@pytest.mark.parametrize(("page", "text"), PYTHON, ids=[page for page, _ in PYTHON])
def test_its_python_runs(folder, monkeypatch, request, page, text):
    """A last line with `# Error: message` raises that; a test in it runs; a board is simulated."""
    monkeypatch.chdir(folder)
    names = {}
    if raises := re.search(r"# (\w+): (.*)\n\Z", text):
        with pytest.raises(getattr(sim, raises[1]), match=re.escape(raises[2])):
            exec(text, names)
    elif "/dev/ttyUSB1" in text:
        with SimulatedBoard() as board:
            exec(text.replace("/dev/ttyUSB1", board.port), names)
    else:
        exec(text, names)
    for name, test in names.items():
        if name.startswith("test_"):
            test(*[request.getfixturevalue("simulation")])


def test_what_is_named_exists():
    """Files and folders by their path from the top, modules by their name."""
    missing = [
        f"{page}: {span}"
        for page, span in SPANS
        if re.fullmatch(r"(hdl|model|sim|tests)(/[\w.-]+)*/?", span) and not (ROOT / span).exists()
    ]
    assert not missing
    for _, span in SPANS:
        for name in re.findall(r"\birq13(?:\.\w+)+", span):
            module = name
            while importlib.util.find_spec(module) is None:
                module = module.rpartition(".")[0]
            if module != name:
                assert hasattr(importlib.import_module(module), name.removeprefix(f"{module}."))


def test_commands_and_their_options_exist():
    shell = [
        (page, line)
        for page, language, text in BLOCKS
        if language in ("sh", "text")
        for line in text.splitlines()
    ]
    asked = [(page, text) for page, text in SPANS + shell if text.startswith("irq13 ")]
    named = set()
    for page, text in asked:
        # What stands behind `--` is another program's.
        words = text.partition(" #")[0].partition(" -- ")[0].split()[1:]
        if not re.fullmatch(r"[a-z]+", words[0]):
            continue
        assert words[0] in COMMANDS, f"{page}: {text}"
        named.add(words[0])
        known = {option for one in command_line.get_command(None, words[0]).params for option in one.opts}
        given = {word.partition("=")[0] for word in words[1:] if word.startswith("--")}
        assert given <= known, f"{page}: {text}"
    assert named == set(COMMANDS)


def test_links_lead_somewhere():
    for page, text in PROSE.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _, anchor = target.partition("#")
            there = ((ROOT / page).parent / path).resolve()
            there = there if path else ROOT / page
            assert there.exists(), f"{page}: {target}"
            if anchor:
                titles = re.findall(r"^#+ (.*)$", PROSE[str(there.relative_to(ROOT))], re.MULTILINE)
                assert anchor in [re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in titles]


def test_every_room_is_named_by_the_one_around_it():
    rooms = {path.parent for top in ROOMS for path in top.rglob("*.py")} - set(ROOMS)
    assert ROOT / "sim/waveform/view" in rooms
    for room in rooms - {ROOT / "sim/conformance/kit"}:
        assert f"{room.relative_to(ROOT)}/" in PAGES[f"{room.parent.relative_to(ROOT)}/README.md"]


def test_every_scenario_that_it_names_exists():
    table = PAGES["sim/scenarios/README.md"].partition("## irq13, QEMU and Bochs")[2]
    named = re.findall(r"\| `([\w-]+)` \|", table)
    assert len(named) == 17
    assert set(named) <= set(shipped_scenarios())


def test_the_shown_scenario_is_the_shipped_one():
    (toml,) = [text for _, language, text in BLOCKS if language == "toml"]
    path = Path(scenario.__file__).parent / "library" / "slave-masked-deadlock.toml"
    assert toml.strip() == path.read_text("utf-8").strip()
