"""Drives: one contract, several implementations behind it."""
