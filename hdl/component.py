"""Components that say what each of their ports is: the one source that their users' texts are made from.

A table of ports, name to `Input` or `Output`, becomes the component's signature, the "Attributes" section of
its documentation, and the interface comment of the exported Verilog. Nothing is read back from a docstring,
so all of it is there under `python -OO` too.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

from amaranth.lib import wiring

from ..model.registers import Parameters

Kind = TypeVar("Kind")


class Described(NamedTuple):
    """A member of a signature, and what it is."""

    member: wiring.Member
    says: str


def Input(description: Any, says: str, *, init: Any = None) -> Described:
    """A port, or a group of ports, that is driven from outside.

    Parameters
    ----------
    description : shape or signature
        Bits, a structure, or the signature of a group.
    says : str
        What it is, in half a sentence.
    init : int
        Level of a port that nobody drives.
    """
    return Described(wiring.Member(wiring.In, description, init=init), says)  # pyright: ignore[reportCallIssue]


def Output(description: Any, says: str, *, init: Any = None) -> Described:
    """A port, or a group of ports, that the component drives.

    Parameters
    ----------
    description : shape or signature
        Bits, a structure, or the signature of a group.
    says : str
        What it is, in half a sentence.
    init : int
        Level before the first edge.
    """
    return Described(wiring.Member(wiring.Out, description, init=init), says)  # pyright: ignore[reportCallIssue]


Ports = Mapping[str, Described]
"""A table of ports."""


def _document(cls: type) -> None:
    """Put the table of ports into the documentation, where there is any (not under `python -OO`)."""
    ports: Ports = cls.__dict__.get("PORTS", {})
    if not ports or cls.__doc__ is None:
        return
    lines = ["", "    Attributes", "    ----------"]
    for name, port in ports.items():
        lines += [f"    {name} : {_kind(port.member)}", f"        {port.says[0].upper()}{port.says[1:]}."]
    cls.__doc__ = "\n".join([cls.__doc__.rstrip(), *lines, ""])


def _kind(member: Any) -> str:
    """Direction and shape, as the table has them."""
    described = member.signature if member.is_signature else member.shape
    if isinstance(described, wiring.FlippedSignature):
        described = described.flip()
    name = getattr(described, "__name__", None)
    if name is None and not isinstance(described, int):
        name = type(described).__name__
        name = "stream" if name == "Signature" else name
    return f"{member.flow}({name or described})"


class DescribedSignature(wiring.Signature):
    """A signature that says what each of its members is.

    Parameters
    ----------
    ports : mapping of str to Described
        By default the class's own PORTS.

    Attributes
    ----------
    says : mapping of str to str
        What each member is.
    """

    PORTS: ClassVar[Ports] = {}
    IN_NAMES: ClassVar[bool] = True
    """Whether the group's name is part of the flat names of its ports (see `flat`)."""

    def __init__(self, ports: Ports | None = None) -> None:
        ports = self.PORTS if ports is None else ports
        super().__init__({name: port.member for name, port in ports.items()})
        self.says = {name: port.says for name, port in ports.items()}

    def __init_subclass__(cls) -> None:
        _document(cls)


class Component(wiring.Component):
    """A component with a table of ports.

    Parameters
    ----------
    ports : mapping of str to Described
        By default the class's own PORTS.
    """

    PORTS: ClassVar[Ports] = {}

    def __init__(self, ports: Ports | None = None) -> None:
        super().__init__(DescribedSignature(self.PORTS if ports is None else ports))

    def __init_subclass__(cls) -> None:
        _document(cls)

    if TYPE_CHECKING:
        # Amaranth makes the ports attributes when it constructs the component.
        def __getattr__(self, name: str) -> Any: ...


def of_kind(parameters: object, kind: type[Kind]) -> Kind:
    """The parameters of a component, checked.

    Parameters
    ----------
    parameters : object
        What was given.
    kind : type
        What it has to be.

    Raises
    ------
    TypeError
        If they are not of this kind.
    """
    if not isinstance(parameters, kind):
        raise TypeError(f"parameters must be {kind.__name__}, not {parameters!r}")
    return parameters


class Parametrised(Component):
    """A component that is built for `Parameters`.

    Parameters
    ----------
    parameters : Parameters
    ports : mapping of str to Described
        As of `Component`.

    Raises
    ------
    TypeError
        If it is given anything else.
    """

    def __init__(self, parameters: Parameters, ports: Ports | None = None) -> None:
        self.parameters = of_kind(parameters, Parameters)
        super().__init__(ports)
