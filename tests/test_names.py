"""One name means one thing: names of classes and of public functions are unique over the project."""

from collections import defaultdict
from pathlib import Path

from support.sources import facts_of

ROOT = Path(__file__).parents[1]
TWINS = ("model", "hdl")
"""They say the same thing twice, under the same names: a class of one may have its twin in the other."""
UNDER_COCOTB = "sim/cocotb/"
"""What drives the same ports there has the same name as where it is a simulation's or a chip's."""
COPIED = "sim/conformance/kit"
"""Goes into other people's projects, where it stands alone."""


def definitions(root, *parts):
    """Names of classes and of module-level functions that are public, with the files that define them."""
    classes, functions = defaultdict(list), defaultdict(list)
    for part in parts:
        for path in sorted((root / part).rglob("*.py")):
            name = str(path.relative_to(root))
            if name.startswith(COPIED):
                continue
            facts = facts_of(path)
            for one in facts.classes:
                classes[one].append(name)
            for one in facts.public:
                functions[one].append(name)
    return classes, functions


def shared(names):
    """Those that several files have, but for twins: 'name: file, file'."""
    wrong = []
    for name, files in sorted(names.items()):
        files = [file for file in files if not file.startswith(UNDER_COCOTB)] or files
        rooms = sorted(file.partition("/")[0] for file in files)
        if len(files) > 1 and rooms != sorted(TWINS):
            wrong.append(f"{name}: {', '.join(files)}")
    return wrong


def test_names_of_classes_are_unique():
    classes, _ = definitions(ROOT, "model", "hdl", "sim", "tests")
    assert len(classes) > 200
    assert shared(classes) == []


def test_names_of_public_functions_are_unique():
    _, functions = definitions(ROOT, "model", "hdl", "sim")
    assert len(functions) > 200
    assert shared(functions) == []


def test_a_name_that_means_two_things_is_found(tmp_path):
    for name, text in {
        "model/pc.py": "class Pc: ...\n",
        "hdl/pc.py": "class Pc: ...\n",
        "sim/run.py": "class Outcome: ...\ndef load(): ...\ndef _part(): ...\n",
        "sim/sweep/sweep.py": "def load(): ...\ndef _part(): ...\nclass Sweep:\n    class Outcome: ...\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    classes, functions = definitions(tmp_path, "model", "hdl", "sim")
    assert shared(classes) == ["Outcome: sim/run.py, sim/sweep/sweep.py"]
    assert shared(functions) == ["load: sim/run.py, sim/sweep/sweep.py"]
