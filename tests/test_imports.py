"""Which room may import which: imports go one way, within a room too, and every room is packaged."""

import tomllib
from pathlib import Path

from support.sources import facts_of

ROOT = Path(__file__).parents[1]
FLOORS = (
    ("model", "support"),
    ("hdl", "waveform", "tools"),
    ("cpu", "netlist"),
    ("machines", "timing"),
    ("scenarios", "lanes", "hardware"),
    ("play", "stepped"),
    ("older_simulation",),
    ("simulation",),
    ("sweep", "fuzz", "conformance", "kvm", "pytest_plugin", "cocotb"),
    ("cli", "benchmarks"),
)
"""Rooms from the ground up: each imports from floors below its own only."""
MOVED = {"sim.bench", "sim.bench_vcd", "sim.lowering", "sim.verilog"}
"""Names of irq13 0.1 that forward for one version."""
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def modules(root):
    """Every module of the three packages by its dotted name, without what is copied into other projects."""
    for part in ("model", "hdl", "sim"):
        for path in sorted((root / part).rglob("*.py")):
            if "kit" in path.relative_to(root).parts:
                continue
            name = ".".join(path.relative_to(root).with_suffix("").parts)
            yield name.removesuffix(".__init__"), path


def room(module):
    part, _, rest = module.partition(".")
    return rest.partition(".")[0] if part == "sim" else part


def arrows(root):
    """(importer, imported, whether for its types only) of all imports, relative ones only."""
    known = dict(modules(root))
    for name, path in known.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for node, types in facts_of(path).imports:
            assert node.level or not (node.module or "").startswith("irq13"), f"{path}: not relative"
            if not node.level:
                continue
            parts = package.split(".")
            base = parts[: len(parts) - node.level + 1]
            target = ".".join([*base, *(node.module.split(".") if node.module else [])])
            for alias in node.names:
                inner = f"{target}.{alias.name}".lstrip(".")
                yield name, inner if inner in known else target, types


def upward(root):
    """Imports that do not go down: each as 'importer -> imported'."""
    wrong = []
    for importer, imported, _ in arrows(root):
        above, below = room(importer), room(imported)
        if importer in ("sim", *MOVED) or above == below:
            continue
        if FLOOR[above] <= FLOOR[below]:
            wrong.append(f"{importer} -> {imported}")
    return wrong


def circle(root):
    """Modules that import each other, in order; empty if none do."""
    graph = {}
    for importer, imported, types in arrows(root):
        # A package takes names from its own modules.
        if not types and importer != imported and not imported.startswith(importer + "."):
            graph.setdefault(importer, set()).add(imported)
    done = set()

    def visit(module, path):
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return []
        done.add(module)
        for imported in sorted(graph.get(module, ())):
            if found := visit(imported, [*path, module]):
                return found
        return []

    for module in sorted(graph):
        if found := visit(module, []):
            return found
    return []


def test_imports_go_down():
    assert upward(ROOT) == []


def test_nothing_imports_in_a_circle():
    assert circle(ROOT) == []


def test_an_upward_import_and_a_circle_are_found(tmp_path):
    for name, text in {
        "model/x87.py": "from ..hdl import ports\n",
        "hdl/ports.py": "",
        "sim/cpu/steps.py": "def late():\n    from ..scenarios.scenario import load\n",
        "sim/scenarios/scenario.py": "from . import run\n",
        "sim/scenarios/run.py": "from .scenario import load\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert upward(tmp_path) == ["model.x87 -> hdl.ports", "sim.cpu.steps -> sim.scenarios.scenario"]
    assert set(circle(tmp_path)) == {"sim.scenarios.run", "sim.scenarios.scenario"}


def test_every_room_is_packaged():
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    listed = setup["packages"]
    called = {path.replace("/", "."): name for name, path in setup["package-dir"].items()}
    rooms = {called.get(name, f"irq13.{name}") for name, path in modules(ROOT) if path.name == "__init__.py"}
    assert sorted(listed) == sorted(rooms)
