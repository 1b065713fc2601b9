"""Files and functions stay short enough to be read in one go."""

from pathlib import Path

from support.sources import facts_of

ROOT = Path(__file__).parents[1]
LINES, FUNCTION_LINES = 400, 60
LONG_FUNCTIONS: set[tuple[str, str]] = set()
"""What is longer, and is not to grow in number. No file is."""


def too_long(root):
    """Files and (file, function) above the limits."""
    files, functions = set(), set()
    for part in ("model", "hdl", "sim", "tests"):
        for path in sorted((root / part).rglob("*.py")):
            name, facts = path.relative_to(root).as_posix(), facts_of(path)
            if facts.lines > LINES:
                files.add(name)
            functions |= {(name, one) for one, lines in facts.functions if lines > FUNCTION_LINES}
    return files, functions


def test_files_and_functions_are_short():
    """As an equality: what has become short leaves the list of exemptions."""
    assert too_long(ROOT) == (set(), LONG_FUNCTIONS)


def test_what_is_too_long_is_found(tmp_path):
    (tmp_path / "sim").mkdir()
    body = "    pass\n"
    (tmp_path / "sim" / "short.py").write_text("def f():\n" + body * 59)
    (tmp_path / "sim" / "long.py").write_text("def f():\n" + body * 60 + "\n" * 340)
    assert too_long(tmp_path) == ({"sim/long.py"}, {("sim/long.py", "f")})
