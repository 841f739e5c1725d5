"""Configuration: one schema, one loader, one page of documentation generated from it."""
