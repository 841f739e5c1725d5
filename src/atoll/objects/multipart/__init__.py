"""Multipart uploads: their parts, their completion, and what becomes of those nobody completes."""
