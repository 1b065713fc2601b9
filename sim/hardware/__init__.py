"""From HDL to Verilog, bitstreams, proofs and mutants."""
