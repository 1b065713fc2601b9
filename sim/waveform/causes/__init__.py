"""Why each edge happened."""
