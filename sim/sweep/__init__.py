"""A scenario with an event in every cycle of a range."""
