"""Placement: keys → slots → sets → drives, as pure functions of the cluster map."""
