"""The simulated tools of the rehearsal Mac: they print what the real ones print, and they remember.

A folder run as a program (``python -I -S …/mac TOOL WORD…``) with the standard library alone, so that any local user
can run it. What they say is held against recordings of the real tools in ``tests/test_recordings.py``.
"""
