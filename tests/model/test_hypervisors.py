"""What Xen, OpenVMM and VirtualBox make of HWCR, IGNNE and VM_CR."""

import pytest
from irq13.model.hypervisors import HYPERVISORS, HypervisorRegisters
from irq13.sim.cli.main import main
from irq13.sim.kvm.run import NOT_STATED, run_hypervisor
from irq13.sim.kvm.script import load_script

HWCR, IGNNE, VM_CR, HSAVE = 0xC0010015, 0xC0010115, 0xC0010114, 0xC0010117
BY_NAME = {one.name: one for one in HYPERVISORS}


@pytest.mark.parametrize(
    ("name", "index", "value", "accepted", "after"),
    [
        ("Xen HVM", HWCR, 0x100, False, 0),
        ("Xen HVM", IGNNE, 0, False, None),
        ("Xen HVM", VM_CR, 0x10, True, 0),
        ("Xen HVM", HSAVE, 0x123000, True, 0x123000),
        ("Xen HVM", HSAVE, 0x123001, False, 0),
        ("Xen HVM", HSAVE, 0xFD_0000_1000, False, 0),
        ("OpenVMM", HWCR, 0x100, True, 0),
        ("OpenVMM", IGNNE, 1, True, 0),
        ("VirtualBox", IGNNE, 1, True, 0),
        ("VirtualBox", IGNNE, 2, False, 0),
        ("VirtualBox", IGNNE, 1 << 32, True, 0),
        ("VirtualBox", VM_CR, 0x18, True, 8),
        ("VirtualBox", VM_CR, 1, False, 8),
    ],
)
def test_writes(name, index, value, accepted, after):
    registers = HypervisorRegisters(BY_NAME[name])
    assert registers.write(index, value) == accepted
    assert registers.read(index) == after


@pytest.mark.parametrize("hypervisor", HYPERVISORS, ids=lambda one: one.name)
def test_each_names_its_source_and_what_it_does_not_state(hypervisor):
    assert hypervisor.source
    done = run_hypervisor(load_script("ignne"), hypervisor)
    assert done[-1].result == NOT_STATED  # the host's
    assert any(one.result != NOT_STATED for one in done)


def test_the_table(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["msr", "ignne", "--hypervisors"])
    assert caught.value.code in (0, None)
    out = capsys.readouterr().out
    assert all(f"{one.name}: {one.source}\n" in out for one in HYPERVISORS)
    row = next(line for line in out.splitlines() if line.startswith("guest 0 wrmsr IGNNE 1 "))
    assert "#GP, unknown" in row
    assert "dropped, 0h" in row
