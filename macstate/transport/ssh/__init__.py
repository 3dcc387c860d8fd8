"""How a laptop logs in to a Mac."""
