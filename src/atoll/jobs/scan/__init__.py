"""Scan: remove what nothing names any more: orphans, old tombstones, stale uploads."""
