"""A real chat with an endpoint from this laptop, through each of its doors, or the link in which that fails."""
