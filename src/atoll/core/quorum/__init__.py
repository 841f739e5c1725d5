"""Quorums: ballots, sizes, messages of the register protocol, vote folding."""
