"""KVM_GET_MSR_INDEX_LIST and its list of feature MSRs, as far as this model has their MSRs.

A host's user space may read what is listed, and write 0 to it, even where the guest has no such MSR.
"""

from ..registers import Msr
from .msrs import VMX_CAPABILITIES, Common, Options


def advertised(vendor: str, options: Options) -> tuple[frozenset[int], frozenset[int]]:
    """The two lists for a module: "svm", "vmx" or "common" (what every module lists).

    Parameters
    ----------
    vendor : str
        As above.
    options : Options
        Of the kernel and its guest.

    Returns
    -------
    tuple of frozenset of int
        Numbers that KVM_GET_MSR_INDEX_LIST and KVM_GET_MSR_FEATURE_INDEX_LIST give.
    """
    listed = {
        *(0x1D9, 0x1DB, 0x1DC, 0x1DD, 0x1DE),
        *(Msr.HWCR, Common.SMI_COUNT, Common.UCODE_REV, Common.PLATFORM_INFO, Common.ARCH_CAPABILITIES),
        *(
            Common.MISC_FEATURES_ENABLES,
            Common.MCG_STATUS,
            Common.MCG_CTL,
            Common.MISC_ENABLE,
            Common.POWER_CTL,
        ),
        *(Common.PAT, Common.PERF_CAPABILITIES, Common.SYSCALL_MASK),
    }
    features = {Common.UCODE_REV, Common.ARCH_CAPABILITIES, Common.PERF_CAPABILITIES, Common.PLATFORM_INFO}
    if options.kernel < (6, 18):
        # Listed since 5.10 where the host's CPU has them; by the module since 6.18 or so.
        listed -= {0x1D9, 0x1DB, 0x1DC, 0x1DD, 0x1DE}
        listed |= {Common.XSS}
    elif options.supported_xss:
        listed |= {Common.XSS}
    if vendor == "svm":
        # What the host's own RDMSR finds.
        listed |= {Common.VM_HSAVE_PA}
        features |= {Common.DE_CFG}
    if vendor == "vmx":
        listed |= {Common.FEATURE_CONTROL, *VMX_CAPABILITIES}
        features |= {*VMX_CAPABILITIES}
    return frozenset(map(int, listed)), frozenset(map(int, features))
