"""Lines that people paste about an MSR, and what they mean: the way of the access, why it ended so, what to do.

Forms: Linux 4.15 to 6.18 (KVM on the host, and the kernel of a guest), QEMU 2.11 to 11.
"""

import re
from typing import NamedTuple

from ...model.kvm.cpuid import DEFAULT_GUESTS
from ...model.kvm.msrs import Options
from ...model.kvm.vm import AccessResult, Vm
from ..support.errors import InputError
from .known_msrs import IGNORED_ADVICE, UNKNOWN_ADVICE, known_msr

NUMBER = r"(?P<{}>(?:0x)?[0-9a-fA-F]+)"
MSR, DATA = NUMBER.format("msr"), NUMBER.format("data")


class MessageForm(NamedTuple):
    """One form of a message."""

    pattern: str
    write: bool
    by_host: bool
    said: str
    """Which way the access took, and what the program did."""
    since: str
    """The programs that print it so."""
    fixed: int | None = None
    """The MSR, where the line does not name it."""


GUEST = "The guest executed {}, which left the guest for KVM (or was executed by its instruction emulator). "
DROPPED = "KVM takes part of this MSR only; it logs the access, which either is dropped or ends in #GP."
FORMS = (
    MessageForm(rf"Unhandled WRMSR\({MSR}\) = {DATA}", True, False, GUEST.format("WRMSR") + DROPPED,
                "Linux 6.3 and later, where report_ignored_msrs is on"),
    MessageForm(rf"Unhandled RDMSR\({MSR}\)", False, False, GUEST.format("RDMSR") + DROPPED,
                "Linux 6.3 and later, where report_ignored_msrs is on"),
    MessageForm(rf"(?:unimplemented|unsupported|unhandled)\b.*\bHWCR wrmsr: {DATA}", True, False,
                GUEST.format("WRMSR") + "It holds a bit that KVM does not have, and the guest got #GP.",
                "Linux up to 6.2", 0xC001_0015),
    MessageForm(rf"unimplemented MMIO_CONF_BASE wrmsr: {DATA}", True, False,
                GUEST.format("WRMSR") + "The guest got #GP.", "Linux up to 6.2", 0xC001_0058),
    MessageForm(rf"IA32_DEBUGCTL(?:MSR)? {DATA}", True, False,
                GUEST.format("WRMSR") + "The write was dropped.", "Linux up to 6.2", 0x1D9),
    MessageForm(rf"(?:unimplemented|disabled) perfctr wrmsr:? {MSR} data {DATA}", True, False,
                GUEST.format("WRMSR") + "The vCPU has no such counter, and the write was dropped.", "Linux up to 6.2"),
    MessageForm(rf"unimplemented wrmsr:? {MSR} data {DATA}", True, False,
                GUEST.format("WRMSR") + "kvm_amd accepted the write and dropped it.", "Linux up to 6.2"),
    MessageForm(rf"ignored wrmsr:? {MSR} data {DATA}", True, False,
                "A write, of the guest or of user space, of an MSR that KVM does not know. Because "
                "kvm.ignore_msrs=1 it counted as done, and nothing was kept.",
                "Linux 4.15 and later with ignore_msrs and report_ignored_msrs on"),
    MessageForm(rf"ignored rdmsr:? {MSR}", False, False,
                "A read, of the guest or of user space, of an MSR that KVM does not know. Because "
                "kvm.ignore_msrs=1 it gave 0.",
                "Linux 4.15 and later with ignore_msrs and report_ignored_msrs on"),
    MessageForm(rf"(?:unhandled|unimplemented) rdmsr:? {MSR}", False, False,
                GUEST.format("RDMSR") + "KVM does not know the MSR, and the guest got #GP.",
                "older Linux as an error, 4.15 and later only with debugging messages on"),
    MessageForm(rf"unhandled wrmsr:? {MSR}(?: data {DATA})?", True, False,
                GUEST.format("WRMSR") + "KVM does not know the MSR, and the guest got #GP.",
                "older Linux as an error, 4.15 and later only with debugging messages on"),
    MessageForm(rf"failed to set MSR {MSR} to {DATA}", True, True,
                "QEMU wrote its buffer of MSRs by KVM_SET_MSRS, at a vCPU's start, reset or synchronisation. KVM "
                "stopped at this one and told how many it had set; QEMU asserts that all were, and aborts.",
                "QEMU 2.9 and later"),
    MessageForm(rf"failed to get MSR {MSR}", False, True,
                "QEMU read a buffer of MSRs by KVM_GET_MSRS. KVM stopped at this one; QEMU asserts that all were "
                "read, and aborts.", "QEMU 2.9 and later"),
    MessageForm(rf"WRMSR to {MSR} \(tried to write {DATA}\)", True, False,
                "The kernel inside the guest says that its WRMSR ended in #GP; it goes on without.",
                "Linux as a guest, 4.7 and later"),
    MessageForm(rf"RDMSR from {MSR}\b", False, False,
                "The kernel inside the guest says that its RDMSR ended in #GP; it goes on with 0.",
                "Linux as a guest, 4.7 and later"),
)  # fmt: skip
LINES = 40
"""Different messages of one log that are explained."""
ASSERTION = re.compile(r"kvm_(?:buf_set|put|get)_msrs: Assertion|kvm_msr_buf->nmsrs")


def explain_message(line: str) -> list[str]:
    """What a line means, in a few sentences.

    Raises
    ------
    InputError
        If it is no message about an MSR that irq13 knows.
    """
    for form in FORMS:
        found = re.search(form.pattern, line, re.IGNORECASE)
        if not found:
            continue
        groups = found.groupdict()
        index = form.fixed if form.fixed is not None else int(groups["msr"], 16)
        data = int(groups["data"], 16) if groups.get("data") else None
        if index < 1 << 32 and (data is None or data < 1 << 64):
            return _sentences(form, index, data)
    if ASSERTION.search(line):
        return [
            "QEMU wrote or read a buffer of MSRs by KVM_SET_MSRS or KVM_GET_MSRS, KVM stopped at one of them, and "
            "QEMU aborted.",
            'The line before, "failed to set MSR 0x... to 0x...", says at which: explain that one.',
        ]
    raise InputError(
        f"no message about an MSR that irq13 knows: {line.strip()[:80]!r}; expected a line of KVM or QEMU such as "
        "'Unhandled WRMSR(0xc0010115) = 0x0' or 'failed to set MSR 0x38d to 0x0'"
    )


def explain_log(text: str) -> list[str]:
    """What each message in some lines of a log means, each once, with an empty line between two.

    Raises
    ------
    InputError
        If there is none among them.
    """
    found: dict[tuple[str, ...], None] = {}
    for line in text.splitlines():
        try:
            found[tuple(explain_message(line))] = None
        except InputError:
            continue
    if not found:
        return explain_message(text)
    # An assertion says nothing where the line before it does.
    whole = [said for said in found if len(said) > 2] or list(found)
    lines = [line for said in whole[:LINES] for line in (*said, "")][:-1]
    return [*lines, *([f"({len(whole) - LINES} more messages)"] if len(whole) > LINES else [])]


def _sentences(form: MessageForm, index: int, data: int | None) -> list[str]:
    row = known_msr(index)
    name = row.name if row else "no register that irq13 knows by name"
    said = [f"MSR {index:X}h: {name}.", form.said]
    if row:
        said.append(f"Why: {row.why}.")
    else:
        said.append("Why: KVM has no code for it, or only for some guests and hosts.")
    said.append(_model(form, index, data))
    said.append(f"Printed so by: {form.since}.")
    ignored = "ignore_msrs=1" in form.said
    said.append(IGNORED_ADVICE if ignored else row.advice if row else UNKNOWN_ADVICE)
    return said


def _model(form: MessageForm, index: int, data: int | None) -> str:
    """What the model of the newest kernel makes of it."""
    answers = []
    ask = _host if form.by_host else _guest
    for backend, module in (("svm", "kvm_amd"), ("vmx", "kvm_intel")):
        answers.append(f"{module} {ask(backend, form, index, data)}")
    said = f"Linux 6.18, by the model: {', '.join(answers)}."
    refused = form.by_host or form.said.endswith(
        ("got #GP.", "ended in #GP; it goes on without.", "on with 0.")
    )
    if refused and not any("#GP" in answer or " 0 of 1" in answer for answer in answers):
        said += " So the host's kernel was an older one, or its hypervisor is not KVM."
    return said


def _guest(backend: str, form: MessageForm, index: int, data: int | None) -> str:
    write = form.write
    options = Options(guest=DEFAULT_GUESTS[backend], ignore_msrs="ignore_msrs=1" in form.said)
    vcpu = Vm(backend, options).kvm_vm_ioctl_create_vcpu()
    outcome = vcpu.guest_wrmsr(index, data or 0) if write else vcpu.guest_rdmsr(index)
    if outcome.result is not AccessResult.DONE:
        return "gives the guest #GP"
    if not write:
        return f"reads {outcome.value:X}h"
    return "keeps it" if vcpu.peek(index) == (data or 0) else "accepts it and drops it"


def _host(backend: str, form: MessageForm, index: int, data: int | None) -> str:
    # The host whose KVM refused has none of the features that this MSR would need.
    options = Options(guest=DEFAULT_GUESTS[backend], host_features=frozenset())
    vcpu = Vm(backend, options).kvm_vm_ioctl_create_vcpu()
    taken = vcpu.set_msrs([(index, data or 0)]) if form.write else len(vcpu.get_msrs([index]))
    return f"takes {taken} of 1 on a host without the feature"
