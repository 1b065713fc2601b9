"""The bus-functional processor: instructions, steps of a program, and why a program hangs."""
