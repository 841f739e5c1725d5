"""The TLS side of a listener: a context that follows its certificate files.

Owns      protocol versions, and when the files are read again.
Does not  speak TLS; the event loop does, with the context of the moment a connection is accepted.
Invariant a handshake sees one certificate with its own key: a new pair is loaded into a context of
          its own and replaces the old one only if it is whole. A pair that cannot be loaded is
          logged once, and the old one stays.
"""

from __future__ import annotations

import errno
import logging
import os
import ssl
from pathlib import Path
from typing import Final

import msgspec

_LOG: Final = logging.getLogger(__name__)
#: Files are looked at no more often; new connections within this time get the old certificate.
_CHECK_INTERVAL_S: Final = 1.0


class TlsFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Paths of a certificate chain and its key, PEM."""

    cert: Path
    key: Path


class TlsContexts:
    """The context to accept with, reloaded when the files change."""

    __slots__ = ("_checked_s", "_context", "_files", "_stamp")

    def __init__(self, files: TlsFiles, context: ssl.SSLContext, stamp: object) -> None:
        self._files = files
        self._context = context
        self._stamp = stamp
        self._checked_s = float("-inf")

    @classmethod
    def open(cls, files: TlsFiles) -> TlsContexts:
        """Load the files.

        Raises
            OSError: a file cannot be read, or is not a certificate with its key; the error names
                it.
        """
        # Looked at before it is read: what changes in between has another stamp.
        stamp = _stamp(files)
        return cls(files, _load(files), stamp)

    def current(self, now_s: float) -> ssl.SSLContext:
        """Return the context for a connection accepted at `now_s` on a steady clock."""
        if now_s - self._checked_s >= _CHECK_INTERVAL_S:
            self._checked_s = now_s
            self._reload()
        return self._context

    def expire_check(self) -> None:
        """Look at the files when the next connection comes, however soon that is."""
        self._checked_s = float("-inf")

    def _reload(self) -> None:
        stamp = _stamp(self._files)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._context = _load(self._files)
        except OSError as exc:
            # Certificate and key are rarely replaced in one instant: the stamp changes again with
            # the second file, and the pair is tried again.
            _LOG.warning("the changed TLS files are not used: %s: %s", exc.filename, exc.strerror)
        else:
            _LOG.info("TLS certificate reloaded: %s", self._files.cert)


def _stamp(files: TlsFiles) -> object:
    """Return what changes when a file does; a file that cannot be looked at has a stamp too."""
    return _stamp_one(files.cert), _stamp_one(files.key)


def _stamp_one(path: Path) -> object:
    try:
        state = os.stat(path)
    except OSError as exc:
        return exc.errno
    return state.st_mtime_ns, state.st_size, state.st_ino


def _load(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    # The library does not say which file it could not open.
    for path in (files.cert, files.key):
        path.open("rb").close()
    try:
        # An encrypted key would ask on the terminal for its password; here that is an error.
        context.load_cert_chain(files.cert, files.key, password=_no_password)
    except ssl.SSLError as exc:
        # Its number is not one of the system's.
        reason = (exc.reason or str(exc)).replace("_", " ").lower()
        sentence = f"expected a certificate in PEM that {files.key} is the key of, found: {reason}"
        raise OSError(errno.EINVAL, sentence, str(files.cert)) from exc
    return context


def _no_password() -> bytes:
    return b""
