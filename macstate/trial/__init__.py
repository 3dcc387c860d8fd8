"""Hold a real chat with an endpoint from this laptop, through each of its doors, or name the link that fails."""

RESOLVERS = ("1.1.1.1", "9.9.9.9")
"""The resolvers for a public address: Cloudflare and Quad9."""
