"""`svm_set_msr` and `vmx_set_msr` around the common code.

Sources: Linux `arch/x86/kvm/svm/svm.c`, `arch/x86/kvm/vmx/vmx.c`, 5.10 to 6.18, by reading: the model
has been run against the common code only (`registers.py`).
"""

from ..registers import Msr
from ..svm import VM_CR_VALID, VmCr, is_hsave_pa
from .msrs import (
    EFER_AUTOIBRS,
    EFER_FFXSR,
    EFER_LMSLE,
    EFER_SVME,
    FEATURE_CONTROL_KNOWN,
    VMX_CAPABILITIES,
    Common,
    FeatureControl,
    Options,
    Return,
)
from .registers import KernelLog, KvmRegisters, Rule


class SvmRegisters(KvmRegisters):
    """`svm_set_msr` and `svm_get_msr`.

    Parameters
    ----------
    options : Options
        Of the kernel and its guest.
    log : KernelLog
        Where the kernel's lines go.
    number : int
        Of the vCPU.
    """

    vendor = "svm"
    microcode = 0x0100_0065

    def __init__(self, options: Options, log: KernelLog, number: int = 0) -> None:
        super().__init__(options, log, number)
        self.values |= dict.fromkeys((Common.VM_CR, Common.VM_HSAVE_PA, Common.DE_CFG, Common.DEBUGCTL), 0)

    def rule(self, index: int) -> Rule | None:
        rules: dict[int, Rule] = {
            Msr.IGNNE: self._ignne,
            Common.VM_CR: self._vm_cr,
            Common.VM_HSAVE_PA: self._hsave_pa,
            Common.DE_CFG: self._de_cfg,
            Common.DEBUGCTL: self._debugctl,
        }
        return rules.get(index) or super().rule(index)

    def _efer_supported(self) -> int:
        features = {"svm": EFER_SVME | EFER_LMSLE, "fxsr_opt": EFER_FFXSR}
        if self.since(6, 3):
            features["autoibrs"] = EFER_AUTOIBRS
        extra = (mask for name, mask in features.items() if name in self.options.host_features)
        return self.efer_supported | sum(extra)

    def _ignne(self, index: int, data: int, host: bool) -> int:
        """Accepted whatever it is, logged, and dropped; a read is of an unknown MSR."""
        self.unimplemented(index, data)
        return Return.OK

    def _vm_cr(self, index: int, data: int, host: bool) -> int:
        """Linux freezes LOCK and SVMDIS by SVMDIS (APM2 15.30.1 says LOCK), and stores before it faults."""
        if data & ~VM_CR_VALID:
            return Return.FAULT
        old = self.values[index]
        frozen = int(VmCr.LOCK | VmCr.SVMDIS) if old & VmCr.SVMDIS else 0
        self.values[index] = new = old & frozen | data & ~frozen
        return Return.FAULT if new & VmCr.SVMDIS and self.values[Common.EFER] & EFER_SVME else Return.OK

    def _hsave_pa(self, index: int, data: int, host: bool) -> int:
        """A guest's address has to be aligned and within its physical width; the host is trusted."""
        if not host and not is_hsave_pa(data, self.guest.physical_bits):
            return Return.FAULT
        return self._plain(index, data & ~0xFFF, host)

    def _de_cfg(self, index: int, data: int, host: bool) -> int:
        """Only LFENCE_SERIALIZE, bit 1."""
        return Return.FAULT if data & ~2 else self._plain(index, data, host)

    def _debugctl(self, index: int, data: int, host: bool) -> int:
        """With LBR virtualization off, as by default: accepted, logged, dropped."""
        self.unimplemented(index, data, "svm_set_msr: MSR_IA32_DEBUGCTL {data:#x}, nop")
        return Return.OK


class VmxRegisters(KvmRegisters):
    """`vmx_set_msr` and `vmx_get_msr`.

    Parameters
    ----------
    options : Options
        Of the kernel and its guest.
    log : KernelLog
        Where the kernel's lines go.
    number : int
        Of the vCPU.
    """

    vendor = "vmx"
    microcode = 1 << 32

    def __init__(self, options: Options, log: KernelLog, number: int = 0) -> None:
        super().__init__(options, log, number)
        self.values |= dict.fromkeys((Common.FEATURE_CONTROL, Common.DEBUGCTL), 0)
        self.values |= options.vmx_capabilities

    def rule(self, index: int) -> Rule | None:
        rules: dict[int, Rule] = {
            Common.FEATURE_CONTROL: self._feature_control,
            Common.DEBUGCTL: self._debugctl,
        }
        if index in VMX_CAPABILITIES:
            return self._vmx_capability
        return rules.get(index) or super().rule(index)

    def get_msr(self, index: int, host: bool) -> tuple[int, int]:
        if index in VMX_CAPABILITIES and (index not in self.values or not (host or self.has("vmx"))):
            return Return.FAULT, 0
        return super().get_msr(index, host)

    def _feature_control(self, index: int, data: int, host: bool) -> int:
        """Once locked it is closed to the guest, never to the host."""
        valid = FEATURE_CONTROL_KNOWN if host else self.options.feature_control
        locked = self.values[index] & FeatureControl.LOCKED
        if data & ~valid or (locked and not host):
            return Return.FAULT
        return self._plain(index, data, host)

    def _vmx_capability(self, index: int, data: int, host: bool) -> int:
        """Read-only for the guest; the host may take away what its own CPU has, never add to it.

        The low half of a control's capability says which bits must be 1, the high half which may be 1.
        """
        supported = self.options.vmx_capabilities.get(index)
        if not host or not self.has("vmx") or supported is None:
            return Return.FAULT
        if index in (0x481, 0x482, 0x483, 0x484, 0x48B, *range(0x48D, 0x491)):
            must, may = supported & 0xFFFF_FFFF, supported >> 32
            legal = not must & ~data and not data >> 32 & ~may
        else:
            legal = data == supported
        return self._plain(index, data, host) if legal else Return.FAULT

    def _debugctl(self, index: int, data: int, host: bool) -> int:
        """LBR and BTF without a virtual LBR: accepted, logged, dropped; any other bit is a fault."""
        if data & ~3:
            return Return.FAULT
        if data:
            self.unimplemented(index, data, "vmx_set_msr: BTF|LBR in IA32_DEBUGCTLMSR {data:#x}, nop")
        return self._plain(index, 0, host)


BACKENDS: dict[str, type[KvmRegisters]] = {"svm": SvmRegisters, "vmx": VmxRegisters, "common": KvmRegisters}
"""KVM's bookkeeping by module; "common" is what a module of another name shares with both."""
