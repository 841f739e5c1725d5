"""The configuration as rows, for `atoll config show` and the admin API.

Secrets are masked here, for everybody.
"""

from __future__ import annotations

import msgspec

from atoll.config.load import Configuration, Rank
from atoll.config.schema import ENTRIES


class SettingRow(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as shown. `source` is default, file, environment or flag; `detail` says which."""

    name: str
    value: str
    source: str
    detail: str
    meaning: str


def explain(configuration: Configuration) -> tuple[SettingRow, ...]:
    """Return one row per setting, in the order of the schema."""
    rows: list[SettingRow] = []
    for entry in ENTRIES:
        origin = configuration.origins[entry.name]
        rows.append(
            SettingRow(
                name=entry.name,
                value=entry.render(getattr(configuration.settings, entry.name)),
                source=origin.rank.name.lower(),
                detail="" if origin.rank is Rank.DEFAULT else origin.detail,
                meaning=entry.setting.doc,
            )
        )
    return tuple(rows)
