"""Pure core: no I/O, no clock, no randomness, no tasks. Decisions as functions and values."""
