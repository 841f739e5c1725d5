"""Versions of one key: the pure chain, the pages behind it, and how an edit becomes one write."""
