"""Signatures of requests, versions 4 and 2, as pure functions: no clock, no secrets store, no I/O."""
