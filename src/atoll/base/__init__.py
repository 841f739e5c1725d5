"""Ground: errors, names, ids, units, clock, entropy, streams and limits.

Imports nothing of Atoll.
"""
