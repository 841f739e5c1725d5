"""Rebuild a directory as a power cut leaves it, from a recording of the shim.

Model     a write reaches the medium with a sync of its file, a name with a sync of its directory;
          what no
          sync covers is lost. With `torn`, files keep a part of what was not synced, up to a byte
          in
          the middle of a write, with garbage up to the end of that sector, and directories keep a
          part of their changes: a kernel may write back whatever it likes.
Position  a byte position of the recording; what was recorded behind it never happened.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

_RECORD = struct.Struct("=IIQQQQ")
_SECTOR = 512


class _Kind(IntEnum):
    CREATE = 1
    MKDIR = 2
    WRITE = 3
    TRUNCATE = 4
    RENAME = 5
    UNLINK = 6
    RMDIR = 7
    LINK = 8
    SYNC = 9
    EXTEND = 10


class _Record(NamedTuple):
    kind: _Kind
    path: str
    sequence: int
    inode: int
    offset: int
    data: bytes


class _File:
    """Synced bytes, and the changes that no sync covers yet."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = bytearray(content)
        self.pending: list[_Record] = []

    def sync(self, began: int) -> None:
        """Bring what was recorded before `began` to the medium."""
        for record in self.pending:
            if record.sequence < began:
                self._apply(record)
        self.pending = [record for record in self.pending if record.sequence >= began]

    def tear(self, chance: random.Random) -> None:
        """Bring some of the rest to the medium too."""
        kept = chance.randint(0, len(self.pending))
        for record in self.pending[:kept]:
            self._apply(record)
        if kept < len(self.pending) and self.pending[kept].kind is _Kind.WRITE:
            record = self.pending[kept]
            size = chance.randint(0, len(record.data))
            rest = -(record.offset + size) % _SECTOR
            garbage = chance.choice((bytes(rest), chance.randbytes(rest)))
            self._apply(record._replace(data=record.data[:size] + garbage))

    def _apply(self, record: _Record) -> None:
        if record.kind is _Kind.WRITE:
            self._grow(record.offset)
            self.content[record.offset : record.offset + len(record.data)] = record.data
        elif record.kind is _Kind.TRUNCATE:
            del self.content[record.offset :]
            self._grow(record.offset)
        else:
            self._grow(record.offset)

    def _grow(self, size: int) -> None:
        if len(self.content) < size:
            self.content += bytes(size - len(self.content))


class _Directory:
    """Names on the medium, names as they are, and the changes between them."""

    def __init__(self) -> None:
        self.durable: dict[str, _File | _Directory] = {}
        self.names: dict[str, _File | _Directory] = {}
        self.pending: list[tuple[int, dict[str, _File | _Directory | None]]] = []

    def change(self, sequence: int, names: dict[str, _File | _Directory | None]) -> None:
        """Change names in one step; None removes one."""
        _rename(self.names, names)
        self.pending.append((sequence, names))

    def sync(self, began: int) -> None:
        """Bring the changes recorded before `began` to the medium."""
        for sequence, names in self.pending:
            if sequence < began:
                _rename(self.durable, names)
        self.pending = [change for change in self.pending if change[0] >= began]

    def tear(self, chance: random.Random) -> None:
        """Bring some of the rest to the medium too."""
        for _, names in self.pending[: chance.randint(0, len(self.pending))]:
            _rename(self.durable, names)


def _rename(
    target: dict[str, _File | _Directory], names: dict[str, _File | _Directory | None]
) -> None:
    for name, node in names.items():
        if node is None:
            target.pop(name, None)
        else:
            target[name] = node


class PowerCut:
    """A recorded directory, played forward from what it was when the recording began."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._nodes: dict[int, _File | _Directory] = {}
        self._tree = self._load(root)
        self._played = 0

    def play(self, log: Path, until: int) -> None:
        """Play the recording up to a byte position, from where the last call ended."""
        for record in self._read(log, until):
            self._play(record)

    def save(self, target: Path, torn: random.Random | None = None) -> None:
        """Write what is on the medium into a new directory. With `torn` the cut is final."""
        _save(self._tree, target, torn)

    def _read(self, log: Path, until: int) -> Iterator[_Record]:
        with log.open("rb") as file:
            file.seek(self._played)
            while file.tell() + _RECORD.size <= until:
                head = file.read(_RECORD.size)
                kind, path_size, sequence, inode, offset, data_size = _RECORD.unpack(head)
                path = file.read(path_size).decode()
                data = file.read(data_size)
                if file.tell() > until:
                    return
                self._played = file.tell()
                yield _Record(_Kind(kind), path, sequence, inode, offset, data)

    def _play(self, record: _Record) -> None:
        kind = record.kind
        if kind is _Kind.CREATE or kind is _Kind.MKDIR:
            node = _File() if kind is _Kind.CREATE else _Directory()
            self._nodes[record.inode] = node
            self._change(record, record.path, node)
        elif kind is _Kind.SYNC:
            self._nodes[record.inode].sync(record.offset)
        elif kind is _Kind.RENAME or kind is _Kind.LINK:
            self._move(record)
        elif kind is _Kind.UNLINK or kind is _Kind.RMDIR:
            self._change(record, record.path, None)
        else:
            node = self._nodes[record.inode]
            assert isinstance(node, _File)
            node.pending.append(record)

    def _move(self, record: _Record) -> None:
        target = record.data.decode()
        parent, name = self._find(record.path)
        node = parent.names[name]
        if record.kind is _Kind.RENAME:
            other, new_name = self._find(target)
            if other is parent:
                parent.change(record.sequence, {name: None, new_name: node})
                return
            parent.change(record.sequence, {name: None})
        self._change(record, target, node)

    def _change(self, record: _Record, path: str, node: _File | _Directory | None) -> None:
        if Path(path) == self._root:
            return
        parent, name = self._find(path)
        parent.change(record.sequence, {name: node})

    def _find(self, path: str) -> tuple[_Directory, str]:
        parent = self._tree
        *steps, name = Path(path).relative_to(self._root).parts
        for step in steps:
            found = parent.names[step]
            assert isinstance(found, _Directory)
            parent = found
        return parent, name

    def _load(self, path: Path) -> _Directory:
        made = _Directory()
        for entry in path.iterdir():
            node = self._load(entry) if entry.is_dir() else _File(entry.read_bytes())
            made.names[entry.name] = made.durable[entry.name] = node
            self._nodes[entry.stat().st_ino] = node
        self._nodes[path.stat().st_ino] = made
        return made


def _save(directory: _Directory, target: Path, torn: random.Random | None) -> None:
    target.mkdir()
    if torn is not None:
        directory.tear(torn)
    for name, node in directory.durable.items():
        if isinstance(node, _Directory):
            _save(node, target / name, torn)
            continue
        if torn is not None:
            node.tear(torn)
        (target / name).write_bytes(node.content)
