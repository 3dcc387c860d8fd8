"""macstate: the YAML says what a Mac shall be; macstate plans the difference, carries it out and proves it."""
