"""The kit for authors of emulators and cores: vectors, boot image, verdicts."""
