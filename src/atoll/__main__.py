"""`python -m atoll` is the same as `atoll`."""

from __future__ import annotations

from atoll.cli.main import run

if __name__ == "__main__":
    run()
