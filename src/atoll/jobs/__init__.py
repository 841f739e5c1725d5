"""Jobs: everything that runs without a client asking. Small workers, one runner."""
