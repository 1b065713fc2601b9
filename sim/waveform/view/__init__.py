"""A trace as text, as a page and as WaveJSON."""
