"""The laptop's side: its files, and the tools that talk to the models."""
