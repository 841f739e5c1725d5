"""Layers: every package that exists stands in every import contract that concerns it.

import-linter proves the contracts; this proves that the contracts speak of the whole tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tidy.tree import Finding

LAYERS = "A request flows down, never up"
CORE_LAYERS = "Core layers"
PURE = "Pure code performs no I/O, reads no clock, draws no randomness"
STORAGE = "Storage does not know S3, users or HTTP"
FRONTS = "Front ends reach storage only through objects and files"
FUSE = "The FUSE client is a client"
CYCLES = "No cycles"

#: Contract → field → modules that must stand there as soon as they exist.
EXPECTED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    PURE: {
        "source_modules": (
            "atoll.core", "atoll.s3.sigv4", "atoll.s3.xml", "atoll.iam.policy", "atoll.rpc.framing",
        ),
        "forbidden_modules": ("atoll.telemetry", "atoll.config", "atoll.base.clock"),
    },
    STORAGE: {
        "source_modules": (
            "atoll.objects", "atoll.files", "atoll.drives", "atoll.registers", "atoll.cluster",
            "atoll.rpc",
        ),
        "forbidden_modules": ("atoll.s3", "atoll.iam", "atoll.admin", "atoll.http"),
    },
    FRONTS: {
        "source_modules": ("atoll.s3", "atoll.console"),
        "forbidden_modules": (
            "atoll.drives", "atoll.rpc", "atoll.core.erasure", "atoll.core.placement",
        ),
    },
    FUSE: {
        "source_modules": ("atoll.fuse",),
        "forbidden_modules": (
            "atoll.objects", "atoll.files", "atoll.drives", "atoll.iam", "atoll.jobs",
            "atoll.registers", "atoll.cluster",
        ),
    },
    CYCLES: {"ancestors": ("atoll",)},
}  # fmt: skip

#: What pure code must never import from the standard library.
IMPURE = {
    "asyncio", "socket", "os", "pathlib", "time", "random", "secrets", "threading", "subprocess",
    "logging",
}  # fmt: skip

#: The top of the tree, which runs the rest.
OUTSIDE_LAYERS = {"atoll.__main__"}


def find_missing_layers(
    contracts: Iterable[Mapping[str, Any]], modules: set[str]
) -> Iterator[Finding]:
    """Yield packages that exist and stand in no layer, or stand there as if only planned."""
    by_name = {contract["name"]: contract for contract in contracts}
    for name, parent in ((LAYERS, "atoll"), (CORE_LAYERS, "atoll.core")):
        words = [
            word.strip()
            for layer in by_name.get(name, {}).get("layers", [])
            for word in re.split(r"[|:]", layer)
        ]
        children = {module for module in modules if module.rpartition(".")[0] == parent}
        for module in sorted(children - OUTSIDE_LAYERS):
            if f"({module})" in words:
                yield Finding("layers", module, f"exists; remove its parentheses in {name!r}")
            elif module not in words:
                yield Finding("layers", module, f"stands in no layer of {name!r}")


def find_incomplete_contracts(
    contracts: Iterable[Mapping[str, Any]], modules: set[str]
) -> Iterator[Finding]:
    """Yield existing modules that a contract forgot."""
    by_name = {contract["name"]: contract for contract in contracts}
    for name, fields in EXPECTED.items():
        contract = by_name.get(name)
        sources = next(iter(fields.values()))
        if contract is None:
            if any(module in modules for module in sources):
                yield Finding("contract", name, "the contract is missing")
            continue
        for field, wanted in fields.items():
            for module in wanted:
                if module in modules and module not in contract.get(field, []):
                    yield Finding("contract", module, f"missing in {field} of {name!r}")
        if name == PURE:
            for module in sorted(IMPURE - set(contract.get("forbidden_modules", []))):
                yield Finding("contract", module, f"missing in forbidden_modules of {name!r}")
