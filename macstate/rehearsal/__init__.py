"""The rehearsal Mac: a folder that behaves like a Mac, to try a spec on before the real Mac is touched."""
