"""Histograms of `set_msr` by kernel stack, as bpftrace, perf and bcc print them: which way each chain is.

Frames may be missing, for the compiler inlines; a chain is taken for a way if its frames are, in this order,
among those of the way in some kernel that the model knows. Names lose offsets and suffixes first.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from ...model.kvm.chains import Chain, full_chains
from ..support.errors import InputError

KERNELS = ((5, 10), (5, 17), (5, 18), (6, 12), (6, 18))
"""One of each era of names."""
ROOTS = re.compile(r"(?:[a-z]+_set_msr|kvm_set_msr_common)$")
"""What a histogram is taken of."""
SYSTEM_CALL = (
    # Innermost first; old kernels have several.
    *(
        "vfs_ioctl",
        "do_vfs_ioctl",
        "ksys_ioctl",
        "sys_ioctl",
        "__do_sys_ioctl",
        "__se_sys_ioctl",
        "__x64_sys_ioctl",
    ),
    *("x64_sys_call", "do_syscall_x64", "do_syscall_64", "entry_SYSCALL_64_after_hwframe"),
    *("entry_SYSCALL_64_fastpath", "entry_SYSCALL_64"),
)
RUN = ("vcpu_enter_guest", "vcpu_run", "kvm_arch_vcpu_ioctl_run", "kvm_vcpu_ioctl")
SYNCHRONISATION = {
    "init": ("kvm_arch_init_vcpu", "kvm_init_msrs"),
    "full": (
        "do_kvm_cpu_synchronize_post_init",
        "do_kvm_cpu_synchronize_post_reset",
        "kvm_cpu_synchronize_post_init",
    ),
    "runtime": ("kvm_cpu_exec",),
}
"""Functions of QEMU that tell its writes apart, where the stack goes on in user space."""
SENTENCES = {
    "guest": "the guest executed WRMSR and the vCPU exited",
    "emulator": "KVM's instruction emulator executed the guest's WRMSR",
    "host": "user space called KVM_SET_MSRS: QEMU's init, full or runtime synchronisation, which only frames "
    "of user space would tell apart",
    "host init": "user space called KVM_SET_MSRS: QEMU's init of a vCPU (kvm_init_msrs)",
    "host full": "user space called KVM_SET_MSRS: QEMU's full synchronisation after init or reset",
    "host runtime": "user space called KVM_SET_MSRS: QEMU's synchronisation before it runs the vCPU",
    "creation": "a vCPU was created: its reset writes IA32_XSS := 0, once for each vCPU",
}


class StackCount(NamedTuple):
    """A chain as it was read, innermost first, and how often it was met."""

    chain: Chain
    times: int


class Way(NamedTuple):
    """Chains that are one way, counted together."""

    name: str
    """A key of `SENTENCES`, or "" for none."""
    chain: Chain
    times: int


def classify(stacks: list[StackCount]) -> list[Way]:
    """Each chain with its way, counts summed; the most frequent first, those that match none last."""
    counts: Counter[tuple[str, Chain]] = Counter()
    for chain, count in stacks:
        counts[way_of(chain), chain] += count
    ways = [Way(name, chain, count) for (name, chain), count in counts.items()]
    return sorted(ways, key=lambda way: (not way.name, -way.times, way.chain))


def way_of(chain: Chain) -> str:
    """The way of a chain: a key of `SENTENCES`, or "" if none has these frames in this order."""
    kernel, user = _halves(chain)
    if not kernel or not ROOTS.search(kernel[0]):
        return ""
    found = [name for name, full in _templates(kernel) if _subsequence(kernel, full)]
    # A chain so short that it fits several ways is none of them.
    if len(set(found)) != 1:
        return ""
    if found[0] == "host":
        for name, functions in SYNCHRONISATION.items():
            if any(function in user for function in functions):
                return f"host {name}"
    return found[0]


def read_histogram(name: str, text: str) -> list[StackCount]:
    """Stacks and counts from bpftrace (`@[kstack] = count()`), perf script, bcc's stackcount, folded stacks.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    text : str
        Its contents.

    Raises
    ------
    InputError
        If there is no stack in it, or one that does not end.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    if any(re.match(r"\s*\d+\.\d+%\s", line) for line in lines):
        raise InputError(f"{name}: a perf report has shares and no counts; give the output of perf script")
    if any(re.match(r"\s*@\w*\[", line) for line in lines):
        stacks = list(_bpftrace(name, lines))
    elif any(";" in line for line in lines):
        stacks = list(_folded(lines))
    else:
        stacks = list(_blocks(lines))
    if not stacks:
        raise InputError(
            f"{name}: no stack in it; expected bpftrace's @[...]: N, perf script, stackcount or folded stacks"
        )
    return stacks


def frame_name(text: str) -> str:
    """The function of a frame: without address, offset, module and the compiler's suffixes."""
    text = re.sub(r"^\s*(?:(?:0x)?[0-9a-f]{8,16}\s+)?", "", text).strip().rstrip(",")
    text = re.sub(r"\s*[\[(].*$", "", text)
    text = re.sub(r"\+(?:0x)?[0-9a-f]+(?:/0x[0-9a-f]+)?$", "", text)
    return re.sub(r"(?:\.(?:isra|constprop|part|llvm|cold)(?:\.\d+)?)+$", "", text)


def _bpftrace(name: str, lines: list[str]) -> Iterator[StackCount]:
    frames: list[str] | None = None
    opened = 0
    for number, line in enumerate(lines, start=1):
        start = re.match(r"\s*@\w*\[(.*)", line)
        rest = start[1] if start else line
        if start:
            if frames is not None:
                raise InputError(f"{name}:{opened}: a stack that does not end in ]: N")
            frames, opened = [], number
        if frames is None:
            continue
        end = re.match(r"(.*?)\]:\s*(\d+)\s*$", rest)
        frames += [frame_name(part) for part in re.split(r",", end[1] if end else rest)]
        if end:
            yield StackCount(_clean(frames), int(end[2]))
            frames = None
    if frames is not None:
        raise InputError(f"{name}:{opened}: a stack that does not end in ]: N")


def _folded(lines: list[str]) -> Iterator[StackCount]:
    """Outermost first, by semicolons, then the count."""
    for line in lines:
        found = re.match(r"\s*(\S.*;.*?)\s+(\d+)\s*$", line)
        if found:
            yield StackCount(
                _clean([frame_name(part) for part in reversed(found[1].split(";"))]), int(found[2])
            )


def _blocks(lines: list[str]) -> Iterator[StackCount]:
    """Blocks between empty lines: perf script's count one each, bcc's end in their count."""
    block: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            block.append(line)
            continue
        if len(block) > 1:
            last = block[-1].strip()
            counted = last.isdigit()
            # perf's head of a sample ends in a colon or has one after the time.
            body = [one for one in (block[:-1] if counted else block) if one[:1].isspace() or counted]
            chain = _clean([frame_name(one) for one in body])
            if chain:
                yield StackCount(chain, int(last) if counted else 1)
        block = []


def _clean(frames: list[str]) -> Chain:
    """Frames that are names; what stands before the traced function, as a comm in bpftrace's key, goes."""
    names = [one for one in frames if re.fullmatch(r"[A-Za-z_][\w.]*", one)]
    start = next((at for at, one in enumerate(names) if ROOTS.search(one)), 0)
    return tuple(names[start:])


def _halves(chain: Chain) -> tuple[Chain, Chain]:
    """The kernel's frames, and those of user space behind the system call's entry."""
    for at, name in enumerate(chain):
        if name.startswith("entry_SYSCALL_64"):
            end = at + 2 if chain[at + 1 : at + 2] == ("entry_SYSCALL_64",) else at + 1
            return chain[:end], chain[end:]
    return chain, ()


def _templates(kernel: Chain) -> Iterator[tuple[str, Chain]]:
    """Every way in every era, with the frames that some compilers leave."""
    named = re.match(
        r"([a-z]+)_set_msr$", kernel[0] if kernel[0] != "kvm_set_msr_common" else (*kernel, "")[1]
    )
    # A kvm_set_msr_common whose caller was inlined is somebody's all the same.
    vendors = [named[1]] if named and named[1] not in ("kvm", "vt") else ["svm", "vmx"]
    for vendor in vendors:
        for era in KERNELS:
            for name, full in full_chains(vendor, era).items():
                yield name, _with_helpers(vendor, full)


def _with_helpers(vendor: str, full: Chain) -> Chain:
    names: list[str] = ["kvm_set_msr_common", f"{vendor}_set_msr", "vt_set_msr"]
    for name in full[1:]:
        if name == "kvm_arch_vcpu_ioctl_run":
            names += RUN
        elif name == f"{vendor}_handle_exit":
            if "kvm_emulate_wrmsr" in full:
                # The exit for WRMSR, which is not how the emulator is reached.
                names += ["handle_wrmsr", "wrmsr_interception", "msr_interception"]
            names += ["svm_invoke_exit_handler"]
            names += ["handle_exit_exception", f"__{vendor}_handle_exit", name, "vt_handle_exit"]
        elif name == "__x64_sys_ioctl":
            names += SYSTEM_CALL
            break
        elif name not in ("kvm_vcpu_ioctl",) or "kvm_arch_vcpu_ioctl_run" not in full:
            # The creation of a vCPU goes through two functions more.
            names += ["kvm_vm_ioctl_create_vcpu", name] if name == "kvm_vm_ioctl" else [name]
        if name == "do_set_msr":
            names += ["__msr_io"]
        if name == "msr_io":
            names += ["kvm_set_msrs"]
        if name == "__kvm_set_msr":
            # Kernels before 5.10, and the filter's name in between.
            names += ["kvm_set_msr"] if "kvm_set_msr" not in full else []
    return tuple(names)


def _subsequence(short: Chain, long: Chain) -> bool:
    """Whether the frames are in this order in a way; others of the module's own may stand between."""
    own = re.compile(rf"_*{short[0].removesuffix('_set_msr')}_")
    remaining = iter(long)
    return all(name in remaining for name in short if name in long or not own.match(name))
