"""Signatures of requests, versions 4 and 2: pure functions of request, secret and time."""
