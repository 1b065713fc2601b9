"""The user's own /dev/kvm: a virtual machine whose vCPUs take the calls of `model.kvm.vm.Vcpu`.

Nothing of the host is changed: no module parameter is written, and all goes with the process.
The guest half of an access is a page of real-mode code under KVM_RUN. Structures and numbers are those of
Linux' `include/uapi/linux/kvm.h` and `arch/x86/include/uapi/asm/kvm.h`.
"""

import ctypes
import errno
import fcntl
import mmap
import os
import signal
import struct
import threading
from collections.abc import Sequence

from ...model.kvm.cpuid import FEATURES, Guest
from ...model.kvm.vm import AccessResult, ExitReason, FilterRange, GuestAccess, KvmError, MsrExit
from ..support.errors import ToolError
from .kernel import host

CREATE_VM, GET_MSR_INDEX_LIST, CHECK_EXTENSION = 0xAE01, 0xC004AE02, 0xAE03
GET_VCPU_MMAP_SIZE, GET_SUPPORTED_CPUID, GET_MSR_FEATURE_INDEX_LIST = 0xAE04, 0xC008AE05, 0xC004AE0A
CREATE_VCPU, SET_USER_MEMORY_REGION, SET_TSS_ADDR, CREATE_IRQCHIP = 0xAE41, 0x4020AE46, 0xAE47, 0xAE60
RUN, SET_REGS, GET_SREGS, SET_SREGS, GET_REGS = 0xAE80, 0x4090AE82, 0x8138AE83, 0x4138AE84, 0x8090AE81
GET_MSRS, SET_MSRS, SET_CPUID2, SET_MP_STATE = 0xC008AE88, 0x4008AE89, 0x4008AE90, 0x4004AE99
ENABLE_CAP, SIGNAL_MSI, SET_MSR_FILTER = 0x4068AEA3, 0x4020AEA5, 0x4188AEC6
CAP_USER_SPACE_MSR, CAP_MSR_FILTER = 188, 189
EXIT_IO, EXIT_RDMSR, EXIT_WRMSR = 2, 29, 30

MEMORY = 0x10000
WRMSR_AT, RDMSR_AT, FAULT_AT, STACK = 0x1000, 0x1100, 0x2000, 0x7000
PORT_DONE, PORT_FAULT = 0xE9, 0xEA
SECONDS = 5
"""How long a guest may take for one instruction."""


class KernelVm:
    """A virtual machine of the kernel's, with an in-kernel interrupt controller and 64 Kbytes of memory.

    Parameters
    ----------
    guest: what KVM_SET_CPUID2 tells each vCPU; nothing is told if it is empty.
    device: the device file.

    Raises
    ------
    ToolError
        If there is no such device, no permission, or the kernel lacks what a script needs.
    """

    def __init__(self, guest: Guest | None = None, device: str = "/dev/kvm") -> None:
        self.guest = guest or Guest()
        self.host = host()
        self.vcpus: list[KernelVcpu] = []
        self.log: list[str] = []
        self._open: list[int] = []
        self._kept: list[object] = []
        try:
            self.device = os.open(device, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise ToolError(_no_device(device, error)) from None
        self._open.append(self.device)
        try:
            self._fd = fcntl.ioctl(self.device, CREATE_VM, 0)
            self._open.append(self._fd)
            self.advertised = frozenset(_indices(self.device, GET_MSR_INDEX_LIST))
            self.features = frozenset(_indices(self.device, GET_MSR_FEATURE_INDEX_LIST))
            self.supported = self._supported()
            self._prepare()
        except OSError as error:
            self.close()
            raise ToolError(f"{device}: {error.strerror}: KVM gives no virtual machine here") from None

    def close(self) -> None:
        """Let go of everything."""
        for vcpu in self.vcpus:
            vcpu.close()
        while self._open:
            os.close(self._open.pop())

    def __enter__(self) -> "KernelVm":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def kvm_vm_ioctl_create_vcpu(self) -> "KernelVcpu":
        """KVM_CREATE_VCPU: the next one, numbered from 0. Raises OSError."""
        vcpu = KernelVcpu(self, fcntl.ioctl(self._fd, CREATE_VCPU, len(self.vcpus)), len(self.vcpus))
        self.vcpus.append(vcpu)
        return vcpu

    def enable_cap_user_space_msr(self, reasons: int) -> None:
        """KVM_ENABLE_CAP(KVM_CAP_X86_USER_SPACE_MSR). Raises ToolError where the kernel lacks it."""
        if not reasons:
            return
        self._needs(CAP_USER_SPACE_MSR, "exits to user space for MSRs (Linux 5.10 and later)")
        fcntl.ioctl(self._fd, ENABLE_CAP, bytearray(struct.pack("<IIQ88x", CAP_USER_SPACE_MSR, 0, reasons)))

    def set_msr_filter(self, flags: int, ranges: Sequence[FilterRange]) -> None:
        """KVM_X86_SET_MSR_FILTER. Raises KvmError, and ToolError where the kernel lacks it.

        Parameters
        ----------
        flags : int
            0, or 1 to deny what no range speaks of.
        ranges : sequence of FilterRange
            16 at most; those of a call before are gone.
        """
        self._needs(CAP_MSR_FILTER, "MSR filters (Linux 5.10 and later)")
        packed = bytearray(struct.pack("<I4x", flags))
        buffers = []
        for one in ranges:
            # The kernel copies whole 64-bit words.
            buffers.append(ctypes.create_string_buffer(one.bitmap, (one.nmsrs + 63) // 64 * 8))
            address = ctypes.addressof(buffers[-1])
            packed += struct.pack("<IIIxxxxQ", one.flags, one.nmsrs, one.base, address)
        packed += bytes(8 + 16 * 24 - len(packed))
        try:
            fcntl.ioctl(self._fd, SET_MSR_FILTER, packed)
        except OSError as error:
            raise KvmError(error.errno or 0, "KVM_X86_SET_MSR_FILTER") from None

    def _supported(self) -> frozenset[str]:
        """The features of `cpuid.FEATURES` that KVM offers a guest here (KVM_GET_SUPPORTED_CPUID)."""
        packed = bytearray(8 + 40 * 256)
        struct.pack_into("<I", packed, 0, 256)
        fcntl.ioctl(self.device, GET_SUPPORTED_CPUID, packed)
        leaves = {}
        for at in range(struct.unpack_from("<I", packed)[0]):
            function, index, _, *registers = struct.unpack_from("<7I", packed, 8 + 40 * at)
            leaves[function, index] = dict(zip(("eax", "ebx", "ecx", "edx"), registers, strict=True))
        found = {
            name
            for name, feature in FEATURES.items()
            if leaves.get((feature.function, feature.leaf), {}).get(feature.register, 0) >> feature.bit & 1
        }
        return frozenset(found)

    def send_init(self, vcpu: int) -> None:
        """An INIT to a vCPU's local APIC, as a message-signalled interrupt of delivery mode 5."""
        fcntl.ioctl(
            self._fd, SIGNAL_MSI, bytearray(struct.pack("<IIII16x", 0xFEE0_0000 | vcpu << 12, 0, 0x500, 0))
        )

    def _needs(self, capability: int, what: str) -> None:
        if fcntl.ioctl(self.device, CHECK_EXTENSION, capability) <= 0:
            raise ToolError(f"{self.host}: this kernel has no {what}")

    def _prepare(self) -> None:
        # Intel's module needs three pages out of the guest's way for real mode.
        fcntl.ioctl(self._fd, SET_TSS_ADDR, 0x7FFB_D000)
        fcntl.ioctl(self._fd, CREATE_IRQCHIP, 0)
        memory = mmap.mmap(-1, MEMORY)
        memory[13 * 4 : 13 * 4 + 4] = struct.pack("<HH", FAULT_AT, 0)
        done = bytes((0xE6, PORT_DONE))
        memory[WRMSR_AT : WRMSR_AT + 4] = b"\x0f\x30" + done
        memory[RDMSR_AT : RDMSR_AT + 4] = b"\x0f\x32" + done
        memory[FAULT_AT : FAULT_AT + 2] = bytes((0xE6, PORT_FAULT))
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        self._kept.append(memory)
        fcntl.ioctl(
            self._fd, SET_USER_MEMORY_REGION, bytearray(struct.pack("<IIQQQ", 0, 0, 0, MEMORY, address))
        )


class KernelVcpu:
    """A vCPU of the kernel's; `KernelVm.kvm_vm_ioctl_create_vcpu` makes it. Its calls are those of `Vcpu`.

    Parameters
    ----------
    vm : KernelVm
        Its virtual machine.
    fd : int
        What KVM_CREATE_VCPU gave.
    number : int
        From 0 on: its local APIC's ID.
    """

    def __init__(self, vm: KernelVm, fd: int, number: int) -> None:
        self.vm = vm
        self.number = number
        self.pending: MsrExit | None = None
        self._fd = fd
        self._run = mmap.mmap(fd, fcntl.ioctl(vm.device, GET_VCPU_MMAP_SIZE, 0))
        # All but vCPU 0 wait for a start-up message otherwise.
        fcntl.ioctl(fd, SET_MP_STATE, bytearray(4))
        if vm.guest.leaves():
            self.set_cpuid(vm.guest)
        self._flat()

    @property
    def advertised(self) -> frozenset[int]:
        """What KVM_GET_MSR_INDEX_LIST gives."""
        return self.vm.advertised

    @property
    def features(self) -> frozenset[int]:
        """What KVM_GET_MSR_FEATURE_INDEX_LIST gives."""
        return self.vm.features

    def close(self) -> None:
        """Let go of the vCPU; `KernelVm.close` does it for all."""
        self._run.close()
        os.close(self._fd)

    def set_cpuid(self, guest: Guest) -> None:
        """KVM_SET_CPUID2. Raises KvmError(EINVAL) once the vCPU has run, unless nothing changes."""
        leaves = guest.leaves()
        packed = bytearray(struct.pack("<II", len(leaves), 0))
        for function, index, *registers in leaves:
            # Bit 0: the index is significant.
            significant = int(function in (7, 0xD))
            packed += struct.pack("<IIIIIII12x", function, index, significant, *registers)
        try:
            fcntl.ioctl(self._fd, SET_CPUID2, packed)
        except OSError as error:
            raise KvmError(error.errno or 0, "KVM_SET_CPUID2") from None

    def set_msrs(self, entries: Sequence[tuple[int, int]]) -> int:
        """KVM_SET_MSRS: how many were set. Raises KvmError."""
        return self._msrs(SET_MSRS, entries)[0]

    def get_msrs(self, indices: Sequence[int]) -> list[int]:
        """KVM_GET_MSRS: the values up to the first that fails. Raises KvmError."""
        return self._msrs(GET_MSRS, [(index, 0) for index in indices])[1]

    def peek(self, index: int) -> int | None:
        """What a register holds, or None if the kernel does not say."""
        return next(iter(self.get_msrs([index])), None)

    def guest_wrmsr(self, index: int, data: int) -> GuestAccess:
        """The guest executes WRMSR in real mode. Raises RuntimeError as the model does, and ToolError.

        Parameters
        ----------
        index : int
            The MSR's number, 32 bits.
        data : int
            64 bits.
        """
        self._start(WRMSR_AT, index, data)
        return self._go()

    def guest_rdmsr(self, index: int) -> GuestAccess:
        """The guest executes RDMSR; raises as `guest_wrmsr`."""
        self._start(RDMSR_AT, index, 0)
        return self._go()

    def complete(self, error: bool, data: int = 0) -> GuestAccess:
        """User space answers the exit and runs the vCPU again.

        Parameters
        ----------
        error : bool
            The guest gets #GP(0).
        data : int
            What a read gives, 64 bits.
        """
        if self.pending is None:
            raise RuntimeError("no access waits for user space")
        pending, self.pending = self.pending, None
        self._run[32] = int(error)
        if not pending.write:
            struct.pack_into("<Q", self._run, 48, data)
        return self._go()

    def init(self) -> None:
        """INIT: KVM resets the vCPU and keeps its MSRs."""
        if self.pending is not None:
            raise RuntimeError(f"MSR {self.pending.msr:X}h waits for user space to complete it")
        self.vm.send_init(self.number)
        self._run[1] = 1  # back at once, when the INIT is done
        try:
            self._enter()
        finally:
            self._run[1] = 0
        fcntl.ioctl(self._fd, SET_MP_STATE, bytearray(4))  # runnable, for INIT stops all but vCPU 0
        self._flat()

    def _msrs(self, request: int, entries: Sequence[tuple[int, int]]) -> tuple[int, list[int]]:
        packed = bytearray(struct.pack("<II", len(entries), 0))
        for index, data in entries:
            packed += struct.pack("<IIQ", index, 0, data)
        try:
            count = fcntl.ioctl(self._fd, request, packed)
        except OSError as error:
            raise KvmError(error.errno or 0, f"{len(entries)} MSRs in one ioctl") from None
        return count, [struct.unpack_from("<Q", packed, 16 + 16 * at)[0] for at in range(count)]

    def _flat(self) -> None:
        """Code, data and stack at linear address 0."""
        sregs = bytearray(312)
        fcntl.ioctl(self._fd, GET_SREGS, sregs)
        struct.pack_into("<QIH", sregs, 0, 0, 0xFFFF, 0)
        fcntl.ioctl(self._fd, SET_SREGS, sregs)

    def _start(self, at: int, index: int, data: int) -> None:
        if self.pending is not None:
            raise RuntimeError(f"MSR {self.pending.msr:X}h waits for user space to complete it")
        registers = [data & 0xFFFF_FFFF, 0, index, data >> 32, 0, 0, STACK, 0, *[0] * 8, at, 2]
        fcntl.ioctl(self._fd, SET_REGS, bytearray(struct.pack("<18Q", *registers)))

    def _go(self) -> GuestAccess:
        self._enter()
        reason = struct.unpack_from("<I", self._run, 8)[0]
        if reason in (EXIT_RDMSR, EXIT_WRMSR):
            why, index, data = struct.unpack_from("<IIQ", self._run, 40)
            write = reason == EXIT_WRMSR
            self.pending = MsrExit(write, ExitReason(why), index, data if write else 0)
            return GuestAccess(AccessResult.EXIT, exit=self.pending)
        port = struct.unpack_from("<H", self._run, 34)[0] if reason == EXIT_IO else None
        if port not in (PORT_DONE, PORT_FAULT):
            raise ToolError(f"{self.vm.host}: the guest left with exit reason {reason}, expected its OUT")
        registers = bytearray(144)
        fcntl.ioctl(self._fd, GET_REGS, registers)
        rax, _, _, rdx = struct.unpack_from("<4Q", registers)
        # OUT is over only when KVM is entered again.
        self._run[1] = 1
        try:
            self._enter()
        finally:
            self._run[1] = 0
        if port == PORT_FAULT:
            return GuestAccess(AccessResult.GP)
        was_read = struct.unpack_from("<Q", registers, 128)[0] >= RDMSR_AT
        return GuestAccess(AccessResult.DONE, rdx << 32 | rax & 0xFFFF_FFFF if was_read else 0)

    def _enter(self) -> None:
        """KVM_RUN, for at most `SECONDS`."""
        expired = threading.Event()

        def late(*_: object) -> None:
            self._run[1] = 1
            expired.set()

        main = threading.current_thread() is threading.main_thread()
        before = signal.signal(signal.SIGALRM, late) if main else None
        if main:
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            self._run_once(expired)
        finally:
            if main:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, before)

    def _run_once(self, expired: threading.Event) -> None:
        while True:
            wanted = self._run[1]
            try:
                fcntl.ioctl(self._fd, RUN, 0)
                return
            except OSError as error:
                if expired.is_set():
                    raise ToolError(
                        f"{self.vm.host}: the guest did not come back within {SECONDS} s"
                    ) from None
                if error.errno == errno.EAGAIN or (error.errno == errno.EINTR and not wanted):
                    continue
                if error.errno == errno.EINTR:
                    return
                raise ToolError(f"{self.vm.host}: KVM_RUN: {error.strerror}") from None


def _indices(device: int, request: int) -> tuple[int, ...]:
    """KVM_GET_MSR_INDEX_LIST or KVM_GET_MSR_FEATURE_INDEX_LIST."""
    packed = bytearray(4 + 4 * 4096)
    struct.pack_into("<I", packed, 0, 4096)
    fcntl.ioctl(device, request, packed)
    count = struct.unpack_from("<I", packed)[0]
    return struct.unpack_from(f"<{count}I", packed, 4)


def _no_device(device: str, error: OSError) -> str:
    why = {
        errno.ENOENT: "there is no KVM here (no kvm_amd or kvm_intel, or a container without the device)",
        errno.EACCES: "no permission; members of the group kvm have it",
        errno.EPERM: "the kernel is locked down or a container forbids it",
    }.get(error.errno or 0, error.strerror)
    return f"{device}: {why}"
