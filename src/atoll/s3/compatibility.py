"""The page of S3 actions: `python -m atoll.s3.compatibility PATH` writes it.

Owns      the text of docs/compatibility/s3.md.
Does not  know more than the route table and the actions found; a test compares the page with both.
Invariant every operation of the service model appears once: served, answered NotImplemented, or not
          routed with its reason.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from atoll.s3.registry import load_actions
from atoll.s3.routes import UNROUTED, Level, table_rows

_PATHS: Final[Mapping[Level, str]] = {
    Level.SERVICE: "/",
    Level.BUCKET: "/{bucket}",
    Level.OBJECT: "/{bucket}/{key}",
}

_HEAD: Final = """\
# S3 compatibility

Generated from the route table and the action files by `python -m atoll.s3.compatibility`; a test
fails when this page is not current.

Every operation of the S3 service model has a route. Served operations are listed first. The others
pass the same gate and then answer `501 NotImplemented`: nothing is accepted and ignored. PostObject
(uploads by HTML form) answers so without the gate, because its signature would stand in the form.

Signatures: version 4 in header, URL and chunks, signed and unsigned trailers; version 2 in header
and URL. Addresses: path style and virtual-host style.

Keys are 1 to 1,024 bytes of UTF-8 without NUL.

Refused in headers, before anything is done: encryption (`x-amz-server-side-encryption*`), object
lock (`x-amz-object-lock-*`, `x-amz-bucket-object-lock-enabled: true`), appends
(`x-amz-write-offset-bytes`) and checksums other than CRC32, CRC32C, CRC64NVME, SHA-1 and SHA-256
with `NotImplemented`; ACLs other than private and grants with `AccessControlListNotSupported`, in
CreateBucket with `InvalidBucketAclWithObjectOwnership`; storage classes other than STANDARD with
`InvalidStorageClass`.

Reads of sub-resources that cannot be set answer as on a bucket that never set them. All buckets
enforce their owner, so `x-amz-object-ownership: BucketOwnerEnforced` is accepted; it is not kept,
and GetBucketOwnershipControls answers as where nothing was set.

A conditional delete that names a version compares with that version, else with the current one.

CORS is not enabled for any bucket: a preflight (`OPTIONS`) answers `403 AccessForbidden`.
"""


def render_page(served: Collection[str]) -> str:
    """Return the page, given the names of the actions that are served."""
    rows = sorted((action, method, level, marks) for method, level, marks, action in table_rows())
    here = [row for row in rows if row[0] in served]
    absent = [row for row in rows if row[0] not in served]
    sections = [
        _HEAD,
        f"## Served ({len(here)})\n\n{_table(here)}",
        f"## Not implemented ({len(absent)})\n\n{_table(absent)}",
        f"## Not routed ({len(UNROUTED)})\n\n{_reasons()}",
    ]
    return "\n".join(sections)


def _table(rows: list[tuple[str, str, Level, str]]) -> str:
    lines = ["| operation | method | address |", "|---|---|---|"]
    for action, method, level, marks in rows:
        lines.append(f"| {action} | {method} | {_address(level, marks)} |")
    return "\n".join(lines) + "\n"


def _address(level: Level, marks: str) -> str:
    parts = marks.split("&") if marks else []
    query = "&".join(part for part in parts if not part.startswith("@"))
    headers = "".join(f" with `{part[1:]}`" for part in parts if part.startswith("@"))
    return f"`{_PATHS[level]}{'?' if query else ''}{query}`{headers}"


def _reasons() -> str:
    lines = ["| operation | reason |", "|---|---|"]
    lines += [f"| {action} | {reason} |" for action, reason in sorted(UNROUTED.items())]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> None:
    """Write the page to the path given, or to standard output."""
    page = render_page(load_actions().keys())
    if arguments:
        Path(arguments[0]).write_text(page, encoding="utf-8")
    else:
        sys.stdout.write(page)


if __name__ == "__main__":
    main(sys.argv[1:])
