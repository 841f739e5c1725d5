"""The command line: one file per command group; prints, asks the admin API, starts a node."""
