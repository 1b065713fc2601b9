"""What a Python file imports and defines, read once for all tests that ask."""

import ast
import functools
from typing import NamedTuple


class SourceFacts(NamedTuple):
    """Of one file.

    Attributes
    ----------
    lines: how many it has.
    imports: each `from`, and whether it is for types only.
    classes: names, nested ones too.
    functions: (name, lines) of each, nested ones and methods too.
    public: names of functions of the module itself that begin with no underscore.
    """

    lines: int
    imports: list[tuple[ast.ImportFrom, bool]]
    classes: list[str]
    functions: list[tuple[str, int]]
    public: list[str]


@functools.cache
def facts_of(path):
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    facts = SourceFacts(text.count("\n"), [], [], [], [])
    types = set()
    # A block comes before what is in it.
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            types |= {id(inner) for inner in ast.walk(node)}
        elif isinstance(node, ast.ImportFrom):
            facts.imports.append((node, id(node) in types))
        elif isinstance(node, ast.ClassDef):
            facts.classes.append(node.name)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            facts.functions.append((node.name, node.end_lineno - node.lineno + 1))
            if node in tree.body and node.name[0] != "_":
                facts.public.append(node.name)
    return facts
