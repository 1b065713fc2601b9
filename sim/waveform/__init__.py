"""Traces: signals, recording, files, and which of them are shown."""
