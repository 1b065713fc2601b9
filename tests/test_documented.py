"""What others build on says what it takes: all in DESCRIBED, but for the kernel's functions in model/kvm/."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
DESCRIBED = (
    "hdl",
    "model",
    "sim/benchmarks",
    "sim/cli",
    "sim/cocotb",
    "sim/conformance",
    "sim/cpu",
    "sim/fuzz",
    "sim/hardware",
    "sim/kvm",
    "sim/lanes",
    "sim/machines",
    "sim/netlist",
    "sim/older_simulation.py",
    "sim/play",
    "sim/pytest_plugin.py",
    "sim/scenarios",
    "sim/simulation.py",
    "sim/stepped.py",
    "sim/support",
    "sim/sweep",
    "sim/timing",
    "sim/tools",
    "sim/waveform",
)
"""Files, and folders with all that is in them."""
OF_THE_KERNEL = "model/kvm/"
"""Its functions are the kernel's, under the kernel's names, and are read beside its sources."""
MOST = 1
"""Parameters that a sentence can speak of."""


def undocumented(root):
    """Public functions, classes and methods without a docstring, or whose parameters nobody describes."""
    missing = []
    for path in sorted(path for part in DESCRIBED for path in _files(root / part)):
        name = path.relative_to(root).as_posix()
        if not name.startswith(OF_THE_KERNEL):
            tree = ast.parse(path.read_text("utf-8"))
            missing += [f"{name}: {one}" for node in tree.body for one in _missing(node)]
    return missing


def _files(top):
    return [top] if top.is_file() else top.rglob("*.py")


def _missing(node, within=""):
    if (
        not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        or node.name[0] == "_"
        or node.name == "elaborate"
        or _is_command(node)
        or _is_setter(node)
    ):
        return
    text = ast.get_docstring(node) or ""
    made_by = node
    if isinstance(node, ast.ClassDef):
        inits = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
        made_by = inits[0] if inits else None
        for inner in node.body:
            yield from _missing(inner, f"{node.name}.")
    own = [] if made_by is None else [*made_by.args.posonlyargs, *made_by.args.args, *made_by.args.kwonlyargs]
    taken = [one.arg for one in own if one.arg not in ("self", "cls")]
    if not text or (len(taken) > MOST and "Parameters\n---" not in text):
        yield f"{within}{node.name}"


def _is_command(node):
    """A command of the command line, whose docstring is what --help prints."""
    names = [ast.unparse(one).partition("(")[0] for one in node.decorator_list]
    return "click.command" in names or "click.group" in names


def _is_setter(node):
    """The docstring of a property is its getter's."""
    return any(isinstance(one, ast.Attribute) and one.attr == "setter" for one in node.decorator_list)


def test_what_halves_and_rooms_take_is_described():
    assert undocumented(ROOT) == []


def test_what_is_not_described_is_found(tmp_path):
    (tmp_path / "hdl").mkdir()
    (tmp_path / "sim" / "lanes").mkdir(parents=True)
    (tmp_path / "model" / "kvm").mkdir(parents=True)
    text = 'class A:\n    """One."""\n    def __init__(self, a, b): ...\n    def f(self): ...\n'
    text += "    def _g(self): ...\n    @f.setter\n    def f(self, level): ...\n"
    text += 'def h(a, b):\n    """Two.\n\n    Parameters\n    ----------\n    a, b : int\n    """\n'
    (tmp_path / "hdl" / "a.py").write_text(text)
    text = '@click.command("c")\ndef c(a, b):\n    """Three."""\n\n\ndef d(a, b):\n    """Four."""\n'
    (tmp_path / "sim" / "lanes" / "b.py").write_text(text)
    (tmp_path / "model" / "kvm" / "vm.py").write_text("def f(a, b): ...\n")
    assert undocumented(tmp_path) == ["hdl/a.py: A.f", "hdl/a.py: A", "sim/lanes/b.py: d"]
