"""What decides about an MSR beside its number: the kernel's version, the guest's CPUID, and the host."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from ..registers import ParameterError

OLDEST, NEWEST = (5, 10), (6, 18)


class CpuidBit(NamedTuple):
    """Where CPUID has a feature's bit."""

    function: int
    leaf: int
    register: str
    bit: int


FEATURES: dict[str, CpuidBit] = {
    "vmx": CpuidBit(1, 0, "ecx", 5),
    "pdcm": CpuidBit(1, 0, "ecx", 15),
    "xsave": CpuidBit(1, 0, "ecx", 26),
    "tsc_adjust": CpuidBit(7, 0, "ebx", 1),
    "spec_ctrl": CpuidBit(7, 0, "edx", 26),
    "arch_capabilities": CpuidBit(7, 0, "edx", 29),
    "xsaves": CpuidBit(0xD, 1, "eax", 3),
    "svm": CpuidBit(0x8000_0001, 0, "ecx", 2),
    "osvw": CpuidBit(0x8000_0001, 0, "ecx", 9),
    "syscall": CpuidBit(0x8000_0001, 0, "edx", 11),
    "nx": CpuidBit(0x8000_0001, 0, "edx", 20),
    "fxsr_opt": CpuidBit(0x8000_0001, 0, "edx", 25),
    "lm": CpuidBit(0x8000_0001, 0, "edx", 29),
    "autoibrs": CpuidBit(0x8000_0021, 0, "eax", 8),
    "gp_on_user_cpuid": CpuidBit(0x8000_0021, 0, "eax", 17),
}
"""The features that KVM's MSR code asks for, by their names in Linux (lower case)."""
VENDORS = {"AMD": "AuthenticAMD", "Intel": "GenuineIntel"}


@dataclass(frozen=True)
class Guest:
    """A vCPU as KVM_SET_CPUID2 describes it.

    Attributes
    ----------
    vendor: "AMD" or "Intel"; KVM takes a guest without CPUID for neither.
    features: names out of `FEATURES`.
    physical_bits: the width of a physical address; 36 is what KVM takes without a leaf 8000_0008h.
    """

    vendor: str | None = None
    features: frozenset[str] = frozenset()
    physical_bits: int = 36

    def __post_init__(self) -> None:
        if self.vendor is not None and self.vendor not in VENDORS:
            raise ParameterError(f"expected a vendor out of {', '.join(VENDORS)}, not {self.vendor!r}")
        for name in sorted(self.features):
            if name not in FEATURES:
                raise ParameterError(f"expected features out of {', '.join(FEATURES)}, not {name!r}")

    def has(self, name: str) -> bool:
        return name in self.features

    def leaves(self) -> list[tuple[int, ...]]:
        """The CPUID leaves: function, index, EAX, EBX, ECX, EDX; none for a guest without CPUID."""
        if self.vendor is None and not self.features:
            return []
        features = [FEATURES[name] for name in self.features]
        found: dict[tuple[int, int], dict[str, int]] = {
            (feature.function, feature.leaf): dict.fromkeys(("eax", "ebx", "ecx", "edx"), 0)
            for feature in features
        }
        for feature in features:
            found[feature.function, feature.leaf][feature.register] |= 1 << feature.bit
        if self.physical_bits != 36:
            width = self.physical_bits | 48 << 8
            found[0x8000_0008, 0] = {"eax": width, "ebx": 0, "ecx": 0, "edx": 0}
        name = VENDORS[self.vendor or "Intel"].encode()
        ebx, edx, ecx = (int.from_bytes(name[at : at + 4], "little") for at in (0, 4, 8))
        basic = max([function for function, _ in found if function < 1 << 31], default=1)
        extended = max([function for function, _ in found if function >= 1 << 31], default=0x8000_0000)
        found[0, 0] = {"eax": basic, "ebx": ebx, "ecx": ecx, "edx": edx}
        found[0x8000_0000, 0] = {"eax": extended, "ebx": ebx, "ecx": ecx, "edx": edx}
        return [(*key, *registers.values()) for key, registers in sorted(found.items())]


DEFAULT_GUESTS = {
    "svm": Guest("AMD", frozenset({"lm", "nx", "syscall", "fxsr_opt", "svm", "osvw", "xsave", "xsaves"})),
    "vmx": Guest("Intel", frozenset({"lm", "nx", "syscall", "vmx", "xsave", "xsaves"})),
}
"""The guest of a script that describes none."""


def kernel_version(text: str) -> tuple[int, int]:
    """A version such as 6.18 or 6.18.44-generic, as (6, 18).

    Raises
    ------
    ParameterError
        If it is none, or one that this model does not know.
    """
    found = re.match(r"(\d+)\.(\d+)(?=\D|$)", text)
    if not found:
        raise ParameterError(f"expected a kernel such as 6.18, not {text!r}")
    version = int(found[1]), int(found[2])
    if not OLDEST <= version <= NEWEST:
        raise ParameterError(f"expected a kernel from 5.10 to 6.18, not {text}")
    return version
