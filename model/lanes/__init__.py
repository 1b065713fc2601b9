"""The model once more in AND, OR, XOR and NOT, for many PCs at once."""
