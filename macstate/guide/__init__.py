"""The guide in all its forms."""
