"""Count the chains to `set_msr` on the running kernel, by the best means that it permits.

A probe on the module's own function (fentry, else a kprobe) sees every way. Where the kernel has neither, the
tracepoint kvm:kvm_msr sees what the guest accesses, and nothing that the host does.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ..support.errors import ToolError
from .histogram import StackCount, Way, classify, read_histogram
from .kernel import host

TRACEFS = Path("/sys/kernel/tracing")
SEES_ALL = "sees every way"
SEES_GUEST = "sees the guest's WRMSR only, filtered ones too: neither KVM_SET_MSRS nor the creation of a vCPU"


class Means(NamedTuple):
    """One way to count."""

    name: str
    program: str
    sees: str


class Traced(NamedTuple):
    """What was counted."""

    means: Means
    refused: list[str]
    """Better means that the kernel did not permit, with what bpftrace said."""
    ways: list[Way]


def means_for(module: str) -> list[Means]:
    """What to try on a kernel with this module, the best first."""
    vendor = {"kvm_amd": "svm", "kvm_intel": "vmx"}.get(module, module.removeprefix("kvm_"))
    function = "kvm_set_msr_common" if module == "kvm" else f"{vendor}_set_msr"
    count = "{ @[kstack] = count(); }"
    return [
        Means(f"fentry on {function}", f"kfunc:{function} {count}", SEES_ALL),
        Means(f"kprobe on {function}", f"kprobe:{function} {count}", SEES_ALL),
        Means("tracepoint kvm:kvm_msr", f"tracepoint:kvm:kvm_msr /args->write == 1/ {count}", SEES_GUEST),
    ]


def trace_ways(seconds: int, run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run) -> Traced:
    """Count for some seconds.

    Parameters
    ----------
    seconds: how long.
    run: what runs bpftrace.

    Raises
    ------
    ToolError
        Without root, without bpftrace, and if the kernel permits no means.
    """
    if os.geteuid() != 0:
        raise ToolError("--trace needs root, as bpftrace does")
    if shutil.which("bpftrace") is None:
        raise ToolError("--trace needs bpftrace, which is not installed")
    refused: list[str] = []
    module = host().module
    for means in means_for(module):
        program = f"{means.program} interval:s:{seconds} {{ exit(); }}"
        try:
            done = run(_command(program), capture_output=True, text=True, timeout=seconds + 60)
        except subprocess.TimeoutExpired:
            raise ToolError(f"bpftrace did not end within {seconds + 60} s") from None
        if done.returncode == 0 and "Attaching" in done.stdout + done.stderr:
            return Traced(means, refused, _ways(done.stdout, module))
        refused.append(f"{means.name}: {_reason(done.stderr)}")
    raise ToolError(f"this kernel permits no means of tracing: {'; '.join(refused)}")


def _command(program: str) -> list[str]:
    """bpftrace; where nobody has mounted tracefs, with one of its own that goes when it ends."""
    command = ["bpftrace", "-e", program]
    if (TRACEFS / "events").is_dir() or shutil.which("unshare") is None:
        return command
    mount = f'mount -t tracefs nodev {TRACEFS} && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", mount, "sh", *command]


def _reason(stderr: str) -> str:
    """The last line that says something, without colour."""
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*m", "", stderr).splitlines()]
    errors = [line for line in lines if "ERROR" in line and "MEMLOCK" not in line]
    return (errors or [line for line in lines if line] or ["no reason given"])[-1]


def _ways(text: str, module: str) -> list[Way]:
    """The chains in what bpftrace printed, each begun at the module's function; none if nothing happened."""
    if "@[" not in text:
        return []
    vendor = {"kvm_amd": "svm", "kvm_intel": "vmx"}.get(module, module.removeprefix("kvm_"))
    stacks = []
    for chain, times in read_histogram("bpftrace", text):
        whole = chain[:1] and chain[0].endswith(("_set_msr", "_set_msr_common"))
        stacks.append(StackCount(chain if whole else (f"{vendor}_set_msr", *chain), times))
    return classify(stacks)
