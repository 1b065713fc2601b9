"""How fast it is: each module here is a program, `python -m irq13.sim.benchmarks.engines`."""
