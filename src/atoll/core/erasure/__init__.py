"""Erasure coding: geometry of stripes and blocks, encode, reconstruct, block checksums."""
