"""Scripts of MSR accesses, through KVM and through the hardware."""
