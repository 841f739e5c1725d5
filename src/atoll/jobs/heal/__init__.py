"""Heal: put back what is missing, from hints, by sweeps, and onto blank drives."""
