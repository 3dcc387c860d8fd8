"""The simulated tools of the rehearsal Mac: they print what the real tools print, and keep the Mac's state.

This folder runs as a program (``python -I -S …/mac TOOL WORD…``) with the standard library alone, so that any local
user can run it. ``tests/test_recordings.py`` compares its output with recordings of the real tools.
"""
