"""The files of the page: scripts, style, markup, and the texts in all languages."""

from importlib import resources

_FOLDER = resources.files("irq13.sim.play") / "page"


def page_file(name: str) -> str:
    """A file of the page, by its name."""
    return (_FOLDER / name).read_text("utf-8")


def joined_scripts(*names: str) -> str:
    """Scripts one after the other, as the page has them."""
    return "\n".join(page_file(f"{name}.js") for name in names)
