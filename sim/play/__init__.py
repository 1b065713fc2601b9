"""The circuit in a browser: a page in which the PC runs, with a processor, a drawing and a lesson."""
