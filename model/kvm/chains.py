"""The call chains to `set_msr`, by kernel: which functions stand on the stack, outermost first.

Sources: Linux `arch/x86/kvm/x86.c`, `svm/svm.c`, `vmx/vmx.c`, `emulate.c`. What was renamed when:

    guest     5.10 kvm_set_msr, which filters in __kvm_set_msr; 5.18 kvm_set_msr_with_filter; 6.18
              __kvm_emulate_wrmsr -> kvm_emulate_msr_write -> __kvm_emulate_msr_write
    emulator  5.10 emulator_set_msr; 5.18 emulator_set_msr_with_filter
    both, and the host's ioctl
              kvm_set_msr_ignored_check; 6.12 -> kvm_do_msr_access -> _kvm_set_msr
    creation  5.17 __kvm_set_msr for XSS, which went no such way before; 6.18 kvm_msr_write -> __kvm_set_msr

The dates are those of commits and pull requests in the kernel's mail: be4f3b3f8227 for 5.17, which the stable
kernels 5.15 and 5.16 took over; ac8d6cad3c7b for 5.18; "KVM x86 misc changes for 6.12"; 6.18 was seen to run.
"""

Chain = tuple[str, ...]
Kernel = tuple[int, int]

SYSCALL = ("__x64_sys_ioctl", "do_syscall_64", "entry_SYSCALL_64_after_hwframe")
"""Where every chain begins, innermost first."""
INLINED = {
    *("kvm_set_msr_with_filter", "kvm_set_msr_ignored_check", "kvm_set_msr", "kvm_emulate_msr_write"),
    *("__kvm_emulate_msr_write", "__kvm_emulate_wrmsr", "kvm_do_msr_access", "_kvm_set_msr", "kvm_msr_write"),
    *("do_set_msr", "msr_io"),
}
"""Functions that the compiler inlines: they do not show in the stack of the host with which this began."""


def ioctl(*names: str) -> Chain:
    return (*reversed(SYSCALL), *names)


def guest_wrmsr(backend: str, kernel: Kernel) -> Chain:
    """A guest's WRMSR exits.

    Parameters
    ----------
    backend : str
        "svm" or "vmx".
    kernel : Kernel
        Its version.
    """
    exit_ = ("kvm_vcpu_ioctl", "kvm_arch_vcpu_ioctl_run", f"{backend}_handle_exit", "kvm_emulate_wrmsr")
    inner = ("__kvm_emulate_wrmsr",) if kernel >= (6, 18) else ()
    return ioctl(*exit_, *inner, *filtered(kernel))


def emulated_wrmsr(backend: str, kernel: Kernel) -> Chain:
    """The instruction emulator executes the guest's WRMSR.

    Parameters
    ----------
    backend : str
        "svm" or "vmx".
    kernel : Kernel
        Its version.
    """
    exit_ = ("kvm_vcpu_ioctl", "kvm_arch_vcpu_ioctl_run", f"{backend}_handle_exit", "kvm_emulate_instruction")
    name = "emulator_set_msr" if kernel < (5, 18) else "emulator_set_msr_with_filter"
    return ioctl(*exit_, "x86_emulate_instruction", "x86_emulate_insn", "em_wrmsr", name, *filtered(kernel))


def filtered(kernel: Kernel) -> Chain:
    """The guest's half below the exit handler, down to the function that looks at `ignore_msrs`."""
    if kernel >= (6, 18):
        return ("kvm_emulate_msr_write", "__kvm_emulate_msr_write")
    return ("kvm_set_msr",) if kernel < (5, 18) else ("kvm_set_msr_with_filter",)


def ignored_check(kernel: Kernel) -> Chain:
    if kernel >= (6, 12):
        return ("kvm_set_msr_ignored_check", "kvm_do_msr_access", "_kvm_set_msr", "__kvm_set_msr")
    return ("kvm_set_msr_ignored_check", "__kvm_set_msr")


def host_ioctl() -> Chain:
    """KVM_SET_MSRS."""
    return ioctl("kvm_vcpu_ioctl", "kvm_arch_vcpu_ioctl", "msr_io", "do_set_msr")


def reset(kernel: Kernel) -> Chain | None:
    """What a vCPU's reset calls for IA32_XSS := 0; None where it writes no MSR this way (before 5.17).

    (`__kvm_set_msr` was inlined here on the host with which this began.)
    """
    if kernel < (5, 17):
        return None
    return ("kvm_msr_write",) if kernel >= (6, 18) else ()


def shown(chain: Chain) -> Chain:
    """A chain, innermost first, as a tracer sees it: without what the compiler inlined."""
    return tuple(name for name in chain if name not in INLINED)


def full_chains(backend: str, kernel: Kernel) -> dict[str, Chain]:
    """Every way to `set_msr` by its name, innermost function first.

    Parameters
    ----------
    backend : str
        "svm" or "vmx".
    kernel : Kernel
        Its version.
    """
    check = ignored_check(kernel)
    ways = {
        "guest": (*guest_wrmsr(backend, kernel), *check),
        "emulator": (*emulated_wrmsr(backend, kernel), *check),
        "host": (*host_ioctl(), *check),
    }
    inner = reset(kernel)
    if inner is not None:
        ways["creation"] = (
            *ioctl("kvm_vm_ioctl", "kvm_arch_vcpu_create", "kvm_vcpu_reset"),
            *inner,
            "__kvm_set_msr",
        )
    return {way: (f"{backend}_set_msr", *reversed(names)) for way, names in ways.items()}
