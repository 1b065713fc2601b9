"""The PC to drive: model, HDL, both in lockstep, or a board."""
