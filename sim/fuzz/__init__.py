"""Random stimulus for the HDL against the reference, in lanes."""
