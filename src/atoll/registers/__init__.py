"""Registers: one linearizable value per key, on the drives of its set."""
