"""Other people's programs: how they are found and called."""
