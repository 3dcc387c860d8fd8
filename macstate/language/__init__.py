"""The spec's language: what may be typed, and what an entry is expanded with."""
