"""Stripes: the bytes of objects as erasure-coded shards on the drives of a set.

`StripeStore` implements `objects.bytes_contract.ByteStore`.
"""

from atoll.objects.stripes.limits import Limits
from atoll.objects.stripes.store import StripeStore, Watchers

__all__ = ["Limits", "StripeStore", "Watchers"]
