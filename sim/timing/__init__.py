"""Timing assertions over a trace: rules that read like a datasheet."""

from ..support.moved import forward

__getattr__ = forward(__name__, f"{__name__}.assertions", ("expect",))
