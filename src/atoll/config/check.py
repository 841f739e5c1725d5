"""What settings mean together: pairs that belong together, counts that must agree.

Pure over `Settings`; the file system is not asked.
"""

from __future__ import annotations

from atoll.config.errors import ConfigError
from atoll.config.schema import Settings


def check_settings(settings: Settings) -> None:
    """Refuse settings that contradict each other.

    Raises
        ConfigError: they do; the message names both.
    """
    _check_drives(settings)
    if (settings.tls_cert is None) is not (settings.tls_key is None):
        missing = "tls_key" if settings.tls_key is None else "tls_cert"
        raise ConfigError(
            f"{missing}: missing; tls_cert and tls_key are given together or not at all"
        )
    if settings.metrics_token is not None and len(settings.metrics_token) < 8:
        raise ConfigError(
            f"metrics_token: expected 8 characters or more, found {len(settings.metrics_token)}"
        )


def _check_drives(settings: Settings) -> None:
    drives, metadata = len(settings.drives), len(settings.metadata_paths)
    if drives == 0:
        raise ConfigError("drives: expected at least one path, found none")
    if metadata not in (0, drives):
        raise ConfigError(
            f"metadata_paths: expected one path per drive ({drives}), found {metadata}; "
            "a pattern such as /nvme/m{1...4} names several"
        )
    places = [path.rstrip("/") for path in (*settings.drives, *settings.metadata_paths)]
    if len(set(places)) < len(places):
        raise ConfigError("metadata_paths: expected paths that are not drives, found one that is")
    if settings.set_drives is not None and settings.set_drives > drives:
        raise ConfigError(
            f"set_drives: expected at most {drives} (the number of drives), "
            f"found {settings.set_drives}"
        )
    in_set = settings.set_drives or min(drives, 16)
    if settings.parity is not None and settings.parity > in_set // 2:
        raise ConfigError(
            f"parity: expected 0 to {in_set // 2} for sets of {in_set} drives, "
            f"found {settings.parity}"
        )
