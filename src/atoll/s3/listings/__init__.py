"""What the listing actions share: limits, tokens, rows, owners."""
