"""Programs with their handlers, pins and expectations, and what became of a run."""
