"""One bit of a machine word for each run: a netlist on many lanes at once, by numpy or compiled C."""

from ..support.moved import forward

__getattr__ = forward(
    __name__,
    f"{__name__}.lanes",
    ("Kernel", "Lanes", "Recipe", "Toggles", "cores", "kernel_of", "recipe_of"),
)
