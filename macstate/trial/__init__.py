"""Hold a real chat with an endpoint from this laptop, through each of its doors, or name the link that fails."""
