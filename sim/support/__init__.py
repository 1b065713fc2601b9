"""What every room may use: errors, files, TOML with positions, suggestions."""
