"""What is wrong with a configuration, said in one line.

`ConfigError` is not a StoreError: it is raised before anything is served, never travels to a client
and needs no status code. Its message says what, which, expected, found and what to do; it never
holds a secret's value.
"""

from __future__ import annotations


class ConfigError(Exception):
    """The configuration cannot be used. `str(error)` is one line for the operator."""
