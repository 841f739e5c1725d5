"""Scrub: read everything that nobody reads, to find rot while redundancy is left."""
