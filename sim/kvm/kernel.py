"""Which kernel runs here, and how its module kvm is set."""

import os
from pathlib import Path
from typing import NamedTuple


class Host(NamedTuple):
    """The kernel whose /dev/kvm it is."""

    release: str
    module: str
    """The vendor's module: kvm_amd, kvm_intel or another one's name; "kvm" if it cannot be told."""

    @property
    def backend(self) -> str | None:
        """ "svm" or "vmx"; None for another module, which has rules of its own."""
        return {"kvm_amd": "svm", "kvm_intel": "vmx"}.get(self.module)

    def __str__(self) -> str:
        return f"Linux {self.release}, {self.module}"


def host(modules: Path = Path("/sys/module")) -> Host:
    """What runs here."""
    names = sorted(entry.name for entry in modules.glob("kvm_*") if entry.is_dir())
    return Host(os.uname().release, names[0] if names else "kvm")


def module_parameter(name: str, modules: Path = Path("/sys/module")) -> bool | None:
    """A parameter of the module kvm as it is set, or None if it cannot be read.

    Parameters
    ----------
    name : str
        Of a switch: 'ignore_msrs'.
    modules : Path
        Where sysfs has the modules.
    """
    try:
        return (modules / "kvm/parameters" / name).read_text().strip() in ("Y", "1")
    except OSError:
        return None
