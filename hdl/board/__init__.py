"""What only an FPGA board needs: the PC with its line to a host, and the boards themselves."""
