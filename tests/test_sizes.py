"""Files and functions stay short enough to be read in one go."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINES, FUNCTION_LINES = 400, 60
LONG_FUNCTIONS: set[tuple[str, str]] = set()
"""What is longer, and is not to grow in number. No file is."""


def too_long(root):
    """Files and (file, function) above the limits."""
    files, functions = set(), set()
    for part in ("model", "hdl", "sim"):
        for path in sorted((root / part).rglob("*.py")):
            name, text = path.relative_to(root).as_posix(), path.read_text("utf-8")
            if text.count("\n") > LINES:
                files.add(name)
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    assert node.end_lineno is not None
                    if node.end_lineno - node.lineno + 1 > FUNCTION_LINES:
                        functions.add((name, node.name))
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
