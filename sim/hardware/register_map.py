"""The registers behind a bridge as a C header and as a table, from one list."""

from ...hdl.bus import REGISTERS, PortAccess

_WORDS = ("wishbone", "axilite")
"""Bridges to buses of words, where a port is a word of its own."""
BRIDGES = ("isa", *_WORDS)


def register_files(name: str, block: str) -> dict[str, str]:
    """Header and table by file name; none for a block that is no bridge.

    Parameters
    ----------
    name : str
        Of module and files.
    block : str
    """
    if block not in BRIDGES:
        return {}
    step = 4 if block in _WORDS else 1
    return {f"{name}.h": c_header(name, step), f"{name}.md": markdown_table(step)}


def c_header(name: str, step: int) -> str:
    """Offsets of all registers, shifts and masks of their fields.

    Parameters
    ----------
    name : str
        Of the module.
    step : int
        Bytes from a port to the next.
    """
    guard = f"{name.upper()}_H"
    lines = [f"#ifndef {guard}", f"#define {guard}", ""]
    for one in REGISTERS:
        lines += [
            f"/* {one.says} ({one.access.value}). */",
            f"#define IRQ13_{one.name} 0x{one.port * step:03x}u",
        ]
        for field in one.fields:
            start = f"#define IRQ13_{one.name}_{field.name}"
            mask = ((1 << field.width) - 1) << field.low
            lines += [f"{start}_SHIFT {field.low}", f"{start}_MASK 0x{mask:02x}u /* {field.says} */"]
        lines.append("")
    return "\n".join([*lines, f"#endif /* {guard} */", ""])


def markdown_table(step: int) -> str:
    """A row for each register, and for each of its fields; parameters as of `c_header`."""
    lines = ["| offset | bits | name | access | |", "| --- | --- | --- | --- | --- |"]
    for one in REGISTERS:
        lines.append(f"| {one.port * step:03X}h | 7:0 | `{one.name}` | {one.access.value} | {one.says} |")
        for field in one.fields:
            high = field.low + field.width - 1
            bits = f"{high}:{field.low}" if field.width > 1 else str(field.low)
            lines.append(f"| | {bits} | `{field.name}` | | {field.says} |")
    lines += ["", f"Access: {PortAccess.WRITE.value} means that reads give FFh."]
    return "\n".join([*lines, ""])
