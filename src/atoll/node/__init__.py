"""The composition root: configuration in, a running node out. The only package that may import
everything.
"""

from atoll.node.serve import serve

__all__ = ["serve"]
