"""The cycle contract as data: what follows from what, and in which cycle.

The interface comment of the exported Verilog is made from these rows, and a test holds the table of
model/README.md and the rules of library/contract.toml to them.
"""

from typing import NamedTuple

_BEGINNING = 'One clock. A signal "in cycle n" is its settled value before rising edge n+1.'
_END = (
    "There is no reset of the clock domain: flip-flops begin with their initial values, and `reset` is RESET."
)


class ContractRow(NamedTuple):
    """A cause in cycle n, and its effect.

    Attributes
    ----------
    cause, effect: in the manuals' terms.
    port_cause, port_effect: in the names of the core's ports.
    rules: of library/contract.toml, which watch over it; none where it depends on what no trace has.
    """

    cause: str
    effect: str
    port_cause: str
    port_effect: str
    rules: tuple[str, ...] = ()


CONTRACT = (
    ContractRow(
        "an operation is presented",
        "ready, freeze, #MF, #NM, #UD: same cycle",
        "an operation is presented",
        "ready, freeze, mf, nm, ud, vmexit: same cycle",
        (
            "freeze rises never while cr0_ne = 1",
            "mf rises never while cr0_ne = 0",
            "freeze rises never while ignne = 1",
        ),
    ),
    ContractRow(
        "it executes",
        "flags, masks, ES: n+1",
        "it executes",
        "flags, masks, es: n+1",
        ("masks stable while freeze = 1", "flags stable while freeze = 1"),
    ),
    ContractRow(
        "ES = 1, immediate, allowed, not gated",
        "FERR# low: n+1",
        "es = 1, immediate, allowed, not gated",
        "ferr_n = 0: n+1",
    ),
    ContractRow(
        "a waiting operation freezes or takes #MF (deferred)",
        "FERR# low: n+1",
        "a waiting operation freezes or takes #MF (deferred)",
        "ferr_n = 0: n+1",
        ("ferr_n falls within 1 cycle after freeze rises while ferr_n = 1",),
    ),
    ContractRow(
        "ES = 0",
        "FERR# high: n+1",
        "es = 0",
        "ferr_n = 1: n+1",
        ("ferr_n rises exactly 1 cycle after es falls while ferr_n = 0",),
    ),
    ContractRow(
        "IGNNE# changes",
        "in effect: n+2 (synchroniser stages)",
        "ignne_n changes",
        "in effect: n+2 (synchroniser stages)",
        (
            "ignne rises exactly 2 cycles after ignne_n falls while ignne_em = 0 and ignne = 0",
            "ignne falls exactly 2 cycles after ignne_n rises while ignne_em = 0 and ignne = 1",
        ),
    ),
    ContractRow(
        "WRMSR accepted",
        "response and new value in effect: n+1",
        "MSR request accepted",
        "response, new value in effect: n+1",
        (
            "ignne rises exactly 0 cycles after ignne_msr rises while ignne_em = 1",
            "ignne falls exactly 0 cycles after ignne_msr falls while ignne_em = 1",
            "response_valid rises exactly 1 cycle after request_valid rises while request_ready = 1",
        ),
    ),
    ContractRow(
        "FERR# falls",
        "IRQ 13: n+1, INTR: n+3",
        "ferr_n falls",
        "irq13 = 1: n+1; intr: n+3",
        (
            "irq13 rises exactly 1 cycle after ferr_n falls while irq13 = 0 and "
            "ferr_enable = 1 and reset = 0",
            "slave_int rises exactly 1 cycle after ir13 rises while slave_int = 0 and slave_imr = 0 and "
            "slave_isr = 0",
            "intr rises within 2 cycles after ir13 rises while intr = 0 and slave_imr = 0 and "
            "slave_isr = 0 and master_imr = 0 and master_isr = 0",
        ),
    ),
    ContractRow(
        "OUT F0h",
        "IRQ 13 low, IGNNE# low if FERR# is low: n+1",
        "write to port F0h",
        "irq13 = 0, ignne_n = 0 if ferr_n = 0: n+1",
        ("irq13 falls exactly 1 cycle after f0_write rises while irq13 = 1",),
    ),
    ContractRow(
        "FERR# high",
        "IGNNE# high: same cycle",
        "ferr_n = 1",
        "ignne_n = 1: same cycle",
        (
            "chipset_ignne_n = 0 never while ferr_n = 1",
            "ferr_n rises exactly 0 cycles after chipset_ignne_n rises while ferr_enable = 1",
        ),
    ),
    ContractRow(
        "a no-wait operation opens its window of w cycles (I486)",
        "FERR# low: n+1 to n+w; it executes in n+w",
        "a no-wait operation opens its window of w (I486)",
        "ferr_n = 0: n+1 to n+w; it executes in n+w",
        ("ferr_n falls exactly 1 cycle after window rises while ferr_n = 1",),
    ),
)


def contract_text() -> str:
    """The contract in the names of the ports, its table in two columns."""
    width = max(len(row.port_cause) for row in CONTRACT) + 4
    rows = [("cause in cycle n", "effect"), *((row.port_cause, row.port_effect) for row in CONTRACT)]
    table = "\n".join(f"  {cause:<{width}}{effect}" for cause, effect in rows)
    return f"{_BEGINNING}\n\n{table}\n\n{_END}"
