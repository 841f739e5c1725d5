"""Telemetry: logs, access log and metrics as objects that are passed in."""
