"""Run a script of MSR accesses: through KVM's rules, the hardware's, or the user's own kernel."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import NamedTuple, TypeVar

from ...model.hypervisors import HYPERVISORS, HypervisorRegisters, OtherHypervisor
from ...model.kvm import chains
from ...model.kvm.chains import Chain
from ...model.kvm.cpuid import DEFAULT_GUESTS, Guest, kernel_version
from ...model.kvm.msrs import Backing, Return
from ...model.kvm.qemu import Qemu
from ...model.kvm.vm import AccessResult, GuestAccess, KvmError, Vcpu, Vm
from ...model.registers import ParameterError
from ...model.svm import SMM_CTL, HardwareRegisters
from ..simulation import Simulation
from ..support.errors import ToolError
from .device import KernelVcpu, KernelVm
from .kernel import Host, host, module_parameter
from .script import REASONS, Access, Script

WRITE_ONLY = "write-only"
COLUMNS = ("svm", "vmx", "hardware")
"""What needs no device: KVM's two modules as the model has them, and the hardware."""
KERNEL = "this kernel"
NOT_STATED = "not stated"
ON_READING = "on reading"
Machine = TypeVar("Machine", Vm, KernelVm)


class Done(NamedTuple):
    """What came of an access."""

    access: Access
    result: str
    value: str
    """What was read, or read back after a write; empty where there is nothing."""
    why: str = ""
    """The rule that the hardware's #GP goes by."""


def run_script(script: Script, backend: str) -> tuple[list[Done], Vm]:
    """Run a script on "svm", "vmx" or "common", KVM's bookkeeping, or on "hardware", a real part's MSR bus.

    Parameters
    ----------
    script : Script
        The accesses, and the options of the kernel and its guest.
    backend : str
        As above.

    Returns
    -------
    tuple of list of Done, and Vm
        What came of each access, in order, and the machine after the last one.

    Raises
    ------
    SourceError
        For an access to a vCPU that does not exist (yet), or that waits for user space; and if QEMU would
        abort.
    """
    vm = _machine(script, backend)
    return _all(script, vm), vm


def run_on_kernel(script: Script, device: str = "/dev/kvm") -> tuple[list[Done], KernelVm]:
    """Run a script on the user's own kernel; raises as `run_script`, and ToolError where that cannot be.

    The machine that comes back is closed; it says which kernel it was and what KVM offers a guest there.

    Parameters
    ----------
    script : Script
        The accesses, and the guest; its `ignore_msrs` has to be the kernel's.
    device : str
        The device file.
    """
    wanted, there = script.options.ignore_msrs, module_parameter("ignore_msrs")
    if there is not None and there != wanted:
        raise ToolError(
            f"{script.source.name}: the script says ignore_msrs = {str(wanted).lower()}, and this kernel's "
            f"module kvm has {'NY'[there]}; irq13 does not change it"
        )
    with closing(_kernel(script, device)) as vm:
        return _all(script, vm), vm


def compare_backends(
    script: Script, with_kernel: bool = False, with_hypervisors: bool | None = False
) -> Iterator[tuple[Access, dict[str, Done]]]:
    """Each access with what came of it in every column; with the user's own kernel's if asked for.

    Parameters
    ----------
    with_hypervisors: other hypervisors' columns, too; None for those that state something of the script.
    """
    results = {column: run_script(script, column)[0] for column in COLUMNS}
    for one in HYPERVISORS if with_hypervisors is not False else ():
        done = run_hypervisor(script, one)
        if with_hypervisors or any(each.result != NOT_STATED for each in done):
            results[one.name] = done
    if with_kernel:
        results[KERNEL] = run_on_kernel(script)[0]
    for index, access in enumerate(script.accesses):
        yield access, {column: done[index] for column, done in results.items()}


def run_hypervisor(script: Script, hypervisor: OtherHypervisor) -> list[Done]:
    """What another hypervisor does with a guest's accesses, as far as its source states it.

    User space's accesses, filters and exits are KVM's affair and not stated for it.

    Parameters
    ----------
    script : Script
        The accesses.
    hypervisor : OtherHypervisor
        One of HYPERVISORS.

    Returns
    -------
    list of Done
        One for each access; its result is NOT_STATED where the source says nothing.
    """
    vcpus = [HypervisorRegisters(hypervisor) for _ in range(script.vcpus)]
    return [_stated(vcpus, access) for access in script.accesses]


def _stated(vcpus: list[HypervisorRegisters], access: Access) -> Done:
    if access.vcpu is None or access.verb not in ("wrmsr", "rdmsr", "modify"):
        return Done(access, NOT_STATED, "")
    registers, (index, data) = vcpus[access.vcpu], access.msrs[0]
    if not registers.states(index):
        return Done(access, NOT_STATED, "")
    if access.verb == "rdmsr":
        value = registers.read(index)
        return Done(access, "#GP", "") if value is None else Done(access, "read", _hex(value))
    if access.verb == "modify":
        value = registers.read(index)
        if value is None:
            return Done(access, f"#GP {ON_READING}", "")
        data = (value | data) & ~access.clear
    accepted = registers.write(index, data)
    value = registers.read(index)
    back = "unknown" if value is None else _hex(value)
    return Done(access, "#GP" if not accepted else "accepted" if value == data else "dropped", back)


def model_of(script: Script, there: Host, features: frozenset[str]) -> tuple[str, Script]:
    """The backend and the script with which the model answers for a kernel and what it offers a guest.

    A kernel newer than the model knows is taken for the newest that it knows.

    Parameters
    ----------
    script : Script
        As it is for the kernel.
    there : Host
        The kernel; a script's own version counts where its release is none.
    features : frozenset of str
        Names of `cpuid.FEATURES` that KVM offers a guest there.
    """
    try:
        kernel = kernel_version(there.release)
    except ParameterError:
        kernel = script.options.kernel
    return there.backend or "common", replace(
        script, options=replace(script.options, kernel=kernel, host_features=features)
    )


def histogram(vm: Vm, full: bool = False) -> list[tuple[Chain, int]]:
    """How often `set_msr` was reached by each chain, innermost first; the rarest chain first.

    Parameters
    ----------
    vm : Vm
        After a run.
    full : bool
        With the functions that the compiler inlines; by default as a tracer sees the stack.
    """
    counts: Counter[Chain] = Counter()
    for chain, count in vm.chains.items():
        counts[chain if full else chains.shown(chain)] += count
    return sorted(counts.items(), key=lambda item: item[1])


def as_bpftrace(counts: list[tuple[Chain, int]]) -> str:
    """The histogram as bpftrace prints it."""
    return "\n".join(
        "@[\n" + "".join(f"    {name}\n" for name in chain) + f"]: {count}" for chain, count in counts
    )


def _all(script: Script, vm: Vm | KernelVm) -> list[Done]:
    done: list[Done] = []
    for access in script.accesses:
        try:
            done.append(_perform(vm, access, script.vcpus))
        except (RuntimeError, KvmError) as error:
            raise script.source.error(access.line, f"{access.text}: {error}") from None
    return done


def _machine(script: Script, backend: str) -> Vm:
    if backend == "hardware":
        part = script.hardware

        def registers(number: int) -> Backing:
            # Only the model: a script may create thousands of vCPUs, and lockstep holds the HDL to it.
            machine = Simulation(
                part.generation, on="model", hwcr=part.hwcr, reserved_bits=part.reserved_bits
            )
            return HardwareRegisters(machine.access_msr, parameters=part)

        return Vm("svm", replace(script.options, report_ignored_msrs=False), registers)
    return _configured(script, Vm(backend, script.options))


def _kernel(script: Script, device: str) -> KernelVm:
    guest = script.options.guest
    if guest is None:
        guest = DEFAULT_GUESTS.get(host().backend or "", Guest())
    return _configured(script, KernelVm(guest, device))


def _configured(script: Script, vm: Machine) -> Machine:
    vm.enable_cap_user_space_msr(int(script.user_space))
    if script.filter is not None:
        vm.set_msr_filter(*script.filter)
    return vm


def _perform(vm: Vm | KernelVm, access: Access, vcpus: int) -> Done:
    if access.vcpu is None:
        Qemu(vm).boot(vcpus)
        return Done(access, f"{vcpus} vCPUs", "")
    while len(vm.vcpus) < vcpus:
        vm.kvm_vm_ioctl_create_vcpu()
    vcpu = vm.vcpus[access.vcpu]
    part = _part(vcpu)
    if part is not None and not all(part.states(index) for index, _ in access.msrs):
        return Done(access, NOT_STATED, "")
    return _VERBS[access.verb](vm, vcpu, access)


def _part(vcpu: "AnyVcpu") -> HardwareRegisters | None:
    """The processor itself, if there is no hypervisor."""
    registers = vcpu.registers if isinstance(vcpu, Vcpu) else None
    return registers if isinstance(registers, HardwareRegisters) else None


AnyVm = Vm | KernelVm
AnyVcpu = Vcpu | KernelVcpu


def _wrmsr(vm: AnyVm, vcpu: AnyVcpu, access: Access) -> Done:
    ((index, data),) = access.msrs
    part, before = _part(vcpu), _read_back(vcpu, index)
    if access.verb == "emulate" and isinstance(vcpu, Vcpu):
        outcome = vcpu.guest_wrmsr(index, data, emulated=True)
    else:
        outcome = vcpu.guest_wrmsr(index, data)
    why = part.rule if part else ""
    back = _read_back(vcpu, index)
    result = _result(outcome)
    if outcome.result is AccessResult.DONE:
        # A kernel does not say whether it dropped or ignored a write.
        ignored = isinstance(vcpu, Vcpu) and vcpu.returned == Return.UNSUPPORTED
        kept = back in (_hex(data), WRITE_ONLY)
        result = "accepted" if kept else "dropped" if back == before else "in part"
        result = "ignored" if ignored else result
    return Done(access, result, back, why)


def _modify(vm: AnyVm, vcpu: AnyVcpu, access: Access) -> Done:
    """RDMSR, then WRMSR with bits changed; a read that gives nothing is all."""
    ((index, bits),) = access.msrs
    outcome = vcpu.guest_rdmsr(index)
    if outcome.result is not AccessResult.DONE:
        return Done(access, f"{_result(outcome)} {ON_READING}", "")
    written = access._replace(msrs=((index, (outcome.value | bits) & ~access.clear),))
    return _wrmsr(vm, vcpu, written)._replace(access=access)


def _host_modify(vm: AnyVm, vcpu: AnyVcpu, access: Access) -> Done:
    """KVM_GET_MSRS, then KVM_SET_MSRS."""
    ((index, bits),) = access.msrs
    values = vcpu.get_msrs([index])
    if not values:
        return Done(access, "0 of 1 read", "")
    written = access._replace(msrs=((index, (values[0] | bits) & ~access.clear),))
    return _set(vm, vcpu, written)._replace(access=access)


def _rdmsr(vm: AnyVm, vcpu: AnyVcpu, access: Access) -> Done:
    outcome = vcpu.guest_rdmsr(access.msrs[0][0])
    value = _hex(outcome.value) if outcome.result is AccessResult.DONE else ""
    return Done(access, "read" if value else _result(outcome), value)


def _set(vm: AnyVm, vcpu: AnyVcpu, access: Access) -> Done:
    taken = vcpu.set_msrs(access.msrs)
    back = ", ".join(_read_back(vcpu, index) for index, _ in access.msrs)
    return Done(access, f"{taken} of {len(access.msrs)} set", back)


def _get(vm: AnyVm, vcpu: AnyVcpu, access: Access) -> Done:
    values = vcpu.get_msrs([index for index, _ in access.msrs])
    return Done(access, f"{len(values)} of {len(access.msrs)} read", ", ".join(map(_hex, values)))


def _cpuid(vm: AnyVm, vcpu: AnyVcpu, access: Access) -> Done:
    if _part(vcpu) is not None:
        return Done(access, "as it is", "")
    try:
        vcpu.set_cpuid(access.guest or Guest())
    except KvmError as error:
        return Done(access, error.strerror or "failed", "")
    return Done(access, "done", "")


def _user(vm: AnyVm, vcpu: AnyVcpu, access: Access) -> Done:
    if vcpu.pending is None:
        return Done(access, "nothing to complete", "")
    write = vcpu.pending.write
    outcome = vcpu.complete(access.error, access.value)
    return Done(access, _result(outcome), "" if access.error or write else _hex(outcome.value))


def _reset(vm: AnyVm, vcpu: AnyVcpu, access: Access) -> Done:
    Qemu(vm).reset(vcpu)
    return Done(access, "done", "")


def _init(vm: AnyVm, vcpu: AnyVcpu, access: Access) -> Done:
    vcpu.init()
    return Done(access, "done", "")


_VERBS: Mapping[str, Callable[[AnyVm, AnyVcpu, Access], Done]] = {
    "wrmsr": _wrmsr,
    "emulate": _wrmsr,
    "modify": _modify,
    "host modify": _host_modify,
    "rdmsr": _rdmsr,
    "set": _set,
    "get": _get,
    "cpuid": _cpuid,
    "user": _user,
    "reset": _reset,
    "init": _init,
}


def _result(outcome: GuestAccess) -> str:
    if outcome.exit is not None:
        names = {reason: name for name, reason in REASONS.items()}
        return f"exit to user space ({names[outcome.exit.reason]})"
    return outcome.result.value


def _read_back(vcpu: AnyVcpu, index: int) -> str:
    """What the register holds, as the host finds it."""
    if (part := _part(vcpu)) is not None:
        result, value = part.get_msr(index, host=True)
        if result:
            return WRITE_ONLY if index == SMM_CTL else "#GP"
        return _hex(value)
    found = vcpu.peek(index)
    return "unknown" if found is None else _hex(found)


def _hex(value: int) -> str:
    return f"{value:X}h"
