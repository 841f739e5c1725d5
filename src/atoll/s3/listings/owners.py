"""The `Owner` and `Initiator` elements of listings."""

from __future__ import annotations

from atoll.s3.call import Document, Principal


def owner_of(principal: Principal) -> Document:
    """Return the account a principal acts for; it owns all buckets that it can list."""
    return {"ID": principal.account, "DisplayName": principal.display_name}
