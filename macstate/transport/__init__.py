"""The way to a Mac: SSH, sudo, reading, and carrying out changes."""
