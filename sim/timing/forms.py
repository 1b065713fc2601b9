"""What a rule can say, as data: events, states, spans, and the seven forms that are made of them.

`str` of each is its sentence, which `parser` reads back. `checker` says what each means on a trace,
`irq13.sim.lanes.monitors` what it means while a simulation runs.
"""

import enum
import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from ..cpu import operands
from ..support.errors import InputError

UNITS = {
    "fs": Fraction(1, 10**15),
    "ps": Fraction(1, 10**12),
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
}
"""Units of time in seconds."""
CYCLES = "cycles"
_WIDEST = 1 << 16
"""Bits that a value in a rule can have."""
_LETTERS = "xzuwlh-"


@dataclass(frozen=True)
class RuleValue:
    """A value as a rule writes it. The signal decides what it is: a number, a state's name, or a letter.

    Parameters
    ----------
    text: 12, 0xC, 0Ch, 0b1100, 0b1x0z, 2.5, RUN, or one of the letters x, z, u, w, l, h, - for such a bit.
    quoted: it stood in quotation marks, and is text whatever it looks like.
    """

    text: str
    quoted: bool = False

    @property
    def number(self) -> int | None:
        """As an unsigned number, or None."""
        if self.quoted or not self.text[:1].isdigit():
            return None
        try:
            return operands.number(self.text, bits=_WIDEST)
        except InputError:
            return None

    @property
    def real(self) -> float | None:
        """As a floating-point number, or None."""
        if self.number is not None:
            return float(self.number)
        try:
            return None if self.quoted else float(self.text)
        except ValueError:
            return None

    @property
    def letter(self) -> str | None:
        """As one letter of std_logic that is neither 0 nor 1, or None."""
        text = self.text.lower()
        return text if not self.quoted and len(text) == 1 and text in _LETTERS else None

    @property
    def pattern(self) -> str | None:
        """As a binary number in which bits are x or z, without its 0b; or None."""
        found = re.fullmatch(r"0b([01xzuw_-]*[xzuw-][01xzuw_-]*)", self.text.lower())
        return None if self.quoted or not found else found[1].replace("_", "")

    def __str__(self) -> str:
        return f'"{self.text}"' if self.quoted else self.text


class Happening(enum.Enum):
    """What a signal can do."""

    RISES = "rises"
    FALLS = "falls"
    CHANGES = "changes"
    BECOMES = "becomes"


@dataclass(frozen=True)
class RuleEvent:
    """An event: a signal that rises, falls, changes, or becomes a value (which only BECOMES has)."""

    signal: str
    kind: Happening
    value: RuleValue | None = None

    def __str__(self) -> str:
        what = self.kind.value if self.value is None else f"{self.kind.value} {self.value}"
        return f"{named(self.signal)} {what}"


@dataclass(frozen=True)
class Term:
    """A signal that has a value, or without one: that is unknown."""

    signal: str
    value: RuleValue | None

    def __str__(self) -> str:
        return (
            f"{named(self.signal)} unknown" if self.value is None else f"{named(self.signal)} = {self.value}"
        )


@dataclass(frozen=True)
class Condition:
    """A state: terms that are all true, such as 'a = 0 and b = 1'. Without terms always."""

    terms: tuple[Term, ...] = ()

    @property
    def signals(self) -> tuple[str, ...]:
        """Their names, one for each term."""
        return tuple(term.signal for term in self.terms)

    def __str__(self) -> str:
        return " and ".join(map(str, self.terms))


ALWAYS = Condition()


@dataclass(frozen=True)
class Span:
    """A length of time: whole cycles of a clock, or any amount in one of UNITS."""

    amount: Fraction
    unit: str = CYCLES

    @classmethod
    def of(cls, amount: int | float | str | Decimal | Fraction, unit: str) -> "Span":
        """Check and build it.

        Parameters
        ----------
        amount : int, float, str, Decimal or Fraction
            At least 0, exact as it is written: 3, 2.5, '1e3', '0x10'.
        unit : str
            'cycles', or one of UNITS; 'cycle', 'second' and 'µs' too.

        Raises
        ------
        ValueError
            If the amount is no number of at least 0, the unit is none, or cycles are not whole.
        """
        unit = {"cycle": CYCLES, "second": "s", "seconds": "s", "µs": "us", "μs": "us"}.get(unit, unit)
        if unit != CYCLES and unit not in UNITS:
            raise InputError(f"expected cycles or one of {', '.join(UNITS)}, not {unit!r}")
        return cls(_amount(amount, unit), unit)

    @property
    def in_cycles(self) -> bool:
        """Whether it is counted in cycles of a clock."""
        return self.unit == CYCLES

    def __str__(self) -> str:
        one = self.in_cycles and self.amount == 1
        return f"{decimal_text(self.amount)} {'cycle' if one else self.unit}"


@dataclass(frozen=True)
class Follows:
    """EVENT within (or exactly) SPAN after TRIGGER."""

    event: RuleEvent
    span: Span
    trigger: RuleEvent
    exact: bool

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the event's signal and the trigger's."""
        return self.event.signal, self.trigger.signal

    def sentence(self, by: str) -> str:
        """The rule as the parser reads it; `by` is ' by CLOCK', or empty."""
        return f"{self.event} {'exactly' if self.exact else 'within'} {self.span}{by} after {self.trigger}"


@dataclass(frozen=True)
class Never:
    """EVENT never."""

    event: RuleEvent

    @property
    def signals(self) -> tuple[str, ...]:
        """Name of the event's signal."""
        return (self.event.signal,)

    def sentence(self, by: str) -> str:
        """The rule as the parser reads it; `by` is empty, for nothing is counted."""
        return f"{self.event} never"


@dataclass(frozen=True)
class Absent:
    """STATE never."""

    state: Condition

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the signals, one for each term."""
        return self.state.signals

    def sentence(self, by: str) -> str:
        """The rule as the parser reads it; `by` is empty, for nothing is counted."""
        return f"{self.state} never"


@dataclass(frozen=True)
class Stable:
    """SIGNAL stable, while a condition holds."""

    signal: str

    @property
    def signals(self) -> tuple[str, ...]:
        """Its name."""
        return (self.signal,)

    def sentence(self, by: str) -> str:
        """The rule as the parser reads it; `by` is empty, for nothing is counted."""
        return f"{named(self.signal)} stable"


@dataclass(frozen=True)
class PulseWidth:
    """SIGNAL low|high at least SPAN."""

    signal: str
    level: int
    span: Span

    @property
    def signals(self) -> tuple[str, ...]:
        """Its name."""
        return (self.signal,)

    def sentence(self, by: str) -> str:
        """The rule as the parser reads it; `by` is ' by CLOCK', or empty."""
        return f"{named(self.signal)} {LEVELS[self.level]} at least {self.span}{by}"


@dataclass(frozen=True)
class Quiet:
    """SIGNAL stable SPAN before (setup) or after (hold) EVENT."""

    signal: str
    span: Span
    event: RuleEvent
    before: bool

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the signal and of the event's."""
        return self.signal, self.event.signal

    def sentence(self, by: str) -> str:
        """The rule as the parser reads it; `by` is ' by CLOCK', or empty."""
        side = "before" if self.before else "after"
        return f"{named(self.signal)} stable {self.span}{by} {side} {self.event}"


@dataclass(frozen=True)
class Order:
    """order EVENT, EVENT, ..."""

    events: tuple[RuleEvent, ...]

    def __post_init__(self) -> None:
        if len(self.events) < 2:
            raise InputError("order needs at least two events, with commas between")

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the signals, one for each event."""
        return tuple(event.signal for event in self.events)

    def sentence(self, by: str) -> str:
        """The rule as the parser reads it; `by` is empty, for nothing is counted."""
        return f"order {', '.join(map(str, self.events))}"


Form = Follows | Never | Absent | Stable | PulseWidth | Quiet | Order
LEVELS = ("low", "high")


def span_of(form: Form) -> Span | None:
    """The span that a form measures."""
    return form.span if isinstance(form, (Follows, PulseWidth, Quiet)) else None


def named(signal: str) -> str:
    """A signal as a sentence names it: in quotation marks where there are spaces in its name."""
    plain = re.fullmatch(r'[^\s,"]+', signal) and signal not in ("=", "order")
    return signal if plain else f'"{signal}"'


def decimal_text(amount: Fraction) -> str:
    """'3', '2.5', or as many digits as matter."""
    if amount.denominator == 1:
        return str(amount.numerator)
    denominator, digits = amount.denominator, 0
    while denominator > 1 and digits < 15:
        digits += 1
        denominator = (amount * 10**digits).denominator
    return f"{amount.numerator / amount.denominator:.6g}" if denominator > 1 else _exact(amount, digits)


def _exact(amount: Fraction, digits: int) -> str:
    whole, rest = divmod(int(amount * 10**digits), 10**digits)
    return f"{whole}.{rest:0{digits}}"


def _amount(amount: int | float | str | Decimal | Fraction, unit: str) -> Fraction:
    value = None
    if isinstance(amount, Fraction):
        value = amount
    else:
        text = str(amount)
        if (re.fullmatch(r"\d+(\.\d*)?|\.\d+", text) and len(text) < 40) or re.fullmatch(
            r"\d+(\.\d*)?[eE][+-]?\d{1,2}", text
        ):
            value = Fraction(text)
        elif text[:1].isdigit():
            value = Fraction(operands.number(text, bits=40))
    if value is None or value < 0:
        raise InputError(f"expected a number such as 3 or 2.5, not {str(amount)!r}")
    if unit == CYCLES and value.denominator != 1:
        raise InputError(f"expected whole cycles, not {decimal_text(value)}")
    return value
