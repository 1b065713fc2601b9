"""The signals of a PC with two processors: what is shared as in `signals.SIGNALS`, the rest once for each.

`ferr_n` is the wire, `a.ferr_n` and `b.ferr_n` are the outputs of the processors on it.
"""

from collections.abc import Container, Sequence

from .signals import SIGNALS, Signal

PROCESSORS: tuple[str, ...] = ("a", "b")
_PINS = ("nmi", "init", "smi", "flush", "stpclk")
OWN = tuple(
    signal.name
    for signal in SIGNALS
    if signal.name in _PINS or signal.path.split(".")[1] in ("cpu", "processor")
)
"""Names of what each processor has for itself, beside its FERR# output."""


def _own(processor: str) -> tuple[Signal, ...]:
    by_name = {signal.name: signal for signal in SIGNALS}
    pin = by_name["ferr_n"]._replace(
        rises=f"processor {processor} reports no error",
        falls=f"processor {processor} reports an error: it pulls the line low",
    )
    return tuple(
        one._replace(path=f"pc.{processor}.{one.name}", alias=f"{processor} {one.alias or one.name}")
        for one in (pin, *(by_name[name] for name in OWN))
    )


def _wire(signal: Signal) -> Signal:
    if signal.name != "ferr_n":
        return signal
    return signal._replace(
        rises="FERR# negated: no processor reports an error", falls="FERR# asserted, for the chipset to see"
    )


TWO_PROCESSOR_SIGNALS = (
    *(_wire(signal) for signal in SIGNALS if signal.name not in OWN),
    *(signal for processor in PROCESSORS for signal in _own(processor)),
)
"""Every signal, the shared ones first."""
TWO_NAMES = {signal.spoken: signal for signal in TWO_PROCESSOR_SIGNALS}
"""By name, as sentences and causes have it."""


def has_two_processors(trace: Container[str]) -> bool:
    """Whether a trace is of two."""
    return "pc.b.freeze" in trace


def recorded_in(trace: Container[str]) -> Sequence[Signal]:
    """What is in a trace of a PC."""
    return TWO_PROCESSOR_SIGNALS if has_two_processors(trace) else SIGNALS


def two_processor_pins(default: tuple[str, ...]) -> tuple[str, ...]:
    """What is shown of a run of two where `default` is shown of a run of one."""
    names: list[str] = []
    for name in default:
        names += [name] if name in TWO_NAMES else []
        names += [f"{one}.{name}" for one in PROCESSORS if f"{one}.{name}" in TWO_NAMES]
    return tuple(names)
