"""The MSR paths of Linux KVM and of QEMU, as their sources state them."""
