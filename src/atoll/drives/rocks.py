"""An ordered store on RocksDB, the implementation of `OrderedKv` that production runs.

Owns      one RocksDB directory: options, strict opening, the sequence mark, errors.
Strict    recovery tolerates a torn tail of the log and nothing else; a checksum that fails in the
          middle refuses to open. A tail that is *missing* opens silently, so the sequence mark (a
          synced file beside the database, written about once a second) says how far the log must
          reach; a database behind its mark has forgotten acknowledged writes.
Visible   RocksDB inserts a synced batch into its memtable only after the log is on stable storage,
          which is what `OrderedKv` asks for.
Place     a commit fails when the database's directory is not where it was opened: what was synced
          then lies in files that no start will find.
Memory    write buffers of all tables together stay below `WRITE_BUFFER_BYTES`, block caches below
          `CACHE_BYTES`, per drive.
Errors    rocksdict raises bare `Exception` with RocksDB's own text; `LibraryErrors` sorts it into
          our families, around every call that may fail and nowhere else.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, cast

import rocksdict

from atoll.base.errors import DriveFull, DriveIo, RecordCorrupt, StoreError
from atoll.base.units import KIB, MIB
from atoll.core.formats.sequence_mark import decode_mark, encode_mark
from atoll.drives.directories import HeldDirectory, make_directory
from atoll.drives.io import WorkThreads
from atoll.drives.kv import Put, Table

WRITE_BUFFER_BYTES: Final = 16 * MIB
CACHE_BYTES: Final = 8 * MIB
BLOB_BYTES_MIN: Final = 1 * KIB
BLOB_FILE_BYTES: Final = 64 * MIB
#: Part of the blob files, oldest first, whose live values a compaction moves; RocksDB's own
#: default.
BLOB_CUTOFF: Final = 0.25
#: Seconds between a synced write and the mark that vouches for it. An idle database writes none.
MARK_DELAY_S: Final = 1.0

_NAMES: Final = {
    Table.HEADS: "heads",
    Table.INLINE: "inline",
    Table.SHARDS: "shards",
    Table.FACTS: "facts",
}
_MARK: Final = "sequence"
#: Bytes of a table's write buffers, those being flushed included.
_MEMORY: Final = "rocksdb.cur-size-all-mem-tables"
_BLOB_CUTOFF: Final = "blob_garbage_collection_age_cutoff"
#: Tables whose values lie in blob files.
_LARGE: Final = (Table.INLINE, Table.SHARDS)


def _table_options(table: Table, cache: rocksdict.Cache) -> rocksdict.Options:
    options = rocksdict.Options(raw_mode=True)
    blocks = rocksdict.BlockBasedOptions()
    blocks.set_block_cache(cache)
    blocks.set_bloom_filter(10, False)
    blocks.set_cache_index_and_filter_blocks(True)
    blocks.set_block_size(16 * KIB if table is Table.HEADS else 4 * KIB)
    options.set_block_based_table_factory(blocks)
    options.set_compression_type(rocksdict.DBCompressionType.none())
    options.set_write_buffer_size(WRITE_BUFFER_BYTES // 2)
    options.set_max_write_buffer_number(3)
    if table in _LARGE:
        # Large values are written once to blob files; compaction moves keys only.
        options.set_enable_blob_files(True)
        options.set_min_blob_size(BLOB_BYTES_MIN)
        options.set_blob_file_size(BLOB_FILE_BYTES)
        options.set_enable_blob_gc(True)
    return options


def _database_options() -> rocksdict.Options:
    options = rocksdict.Options(raw_mode=True)
    options.create_if_missing(True)
    options.create_missing_column_families(True)
    options.set_wal_recovery_mode(rocksdict.DBRecoveryMode.tolerate_corrupted_tail_records())
    options.set_paranoid_checks(True)
    options.set_db_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_max_total_wal_size(4 * WRITE_BUFFER_BYTES)
    # A recycled log file would hold old records behind its end, which strict recovery cannot tell
    # from new ones.
    options.set_recycle_log_file_num(0)
    options.set_max_open_files(256)
    options.set_max_background_jobs(2)
    options.set_keep_log_file_num(4)
    options.set_max_log_file_size(4 * MIB)
    # Idle costs nothing: no statistics timers.
    options.set_stats_dump_period_sec(0)
    options.set_stats_persist_period_sec(0)
    return options


def sort_error(exc: Exception, path: str) -> StoreError:
    """Return the error of our tree that RocksDB's text means."""
    text = str(exc)
    lower = text.lower()
    is_full = "no space left" in lower or "out of space" in lower or "disk quota" in lower
    # A sync without room says nothing about what the medium holds; a write without room wrote
    # nothing that recovery would take for a record.
    if is_full and "sync" not in lower:
        return DriveFull("The drive's database has no room.", path=path)
    if "corrupt" in lower or "checksum" in lower:
        return RecordCorrupt(f"The drive's database is damaged: {text}", path=path)
    return DriveIo(f"The drive's database failed: {text}", path=path, errno=5)


class LibraryErrors:
    """Around calls into the library: what they raise leaves as an error of our tree.

    Holds no state of a call, so threads may share it and it may be entered again.
    """

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, exc: BaseException | None, _trace: object) -> None:
        if isinstance(exc, Exception) and not isinstance(exc, StoreError):
            raise sort_error(exc, self._path) from exc


class RocksKv:
    """One open database."""

    def __init__(self, path: Path, db: rocksdict.Rdict, threads: WorkThreads) -> None:
        self._path = path
        self._errors = LibraryErrors(str(path))
        self._db = db
        self._home = HeldDirectory(path / "db")
        self._threads = threads
        self._tables = {table: db.get_column_family(name) for table, name in _NAMES.items()}
        self._handles = {table: db.get_column_family_handle(name) for table, name in _NAMES.items()}
        self._synced = rocksdict.WriteOptions()
        self._synced.sync = True
        self._plain = rocksdict.WriteOptions()
        self._mark_timer: asyncio.TimerHandle | None = None
        #: The last write found no room, and the log ends in a torn record.
        self._is_out_of_room = False
        #: Values deleted since the start; what they took is given back by `compact`.
        self.deleted_count = 0

    @classmethod
    def open(cls, path: Path, threads: WorkThreads) -> RocksKv:
        """Open or create the database in `path`. Blocks.

        Raises
            RecordCorrupt: it does not open strictly, or forgot synced writes.
            FormatUnknown: a later version wrote its mark.
            DriveIo, DriveFull: the device failed.
        """
        # RocksDB syncs what it writes into its directory, but not the directory's own name.
        make_directory(path / "db")
        mark = _read_mark(path)
        cache = rocksdict.Cache(CACHE_BYTES)
        with LibraryErrors(str(path)):
            db = rocksdict.Rdict(
                str(path / "db"),
                _database_options(),
                column_families={
                    name: _table_options(table, cache) for table, name in _NAMES.items()
                },
            )
            reached = db.latest_sequence_number()
        if reached < mark:
            db.close()
            raise RecordCorrupt(
                "The drive's database has lost synced writes.",
                path=str(path),
                expected=mark,
                found=reached,
            )
        return cls(path, db, threads)

    def get(self, table: Table, key: bytes) -> bytes | None:
        """Return a value, or None."""
        with self._errors:
            value: bytes | None = self._tables[table].get(key)
        return value

    def iterate(self, table: Table, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Walk [start, end), one call into the library per row.

        The library's own iteration stops silently where it failed, so behind its last row a cursor
        looks whether that is the end: its status tells an end from a failure.
        """
        options = rocksdict.ReadOptions()
        options.set_iterate_upper_bound(end)
        last: bytes | None = None
        with self._errors:
            found = self._tables[table].items(from_key=start, read_opt=options)
            for row in cast("Iterator[tuple[bytes, bytes]]", found):
                last = row[0]
                yield row
        cursor = self.seekable(table, end)
        cursor.seek(start if last is None else last + b"\0")
        while (item := cursor.item()) is not None:
            yield item
            cursor.advance()

    def seekable(self, table: Table, end: bytes) -> RocksCursor:
        """Return a cursor over a consistent view."""
        return RocksCursor(self._tables[table], end, self._errors)

    def commit(self, puts: Sequence[Put], *, sync: bool) -> asyncio.Future[None]:
        """Apply puts atomically, in the database's own thread."""
        batch = rocksdict.WriteBatch(raw_mode=True)
        handles = self._handles
        for table, key, value in ((put.table, put.key, put.value) for put in puts):
            if value is None:
                batch.delete(key, handles[table])
                self.deleted_count += table in _LARGE
            else:
                batch.put(key, value, handles[table])
        if sync and self._mark_timer is None:
            loop = asyncio.get_running_loop()
            self._mark_timer = loop.call_later(MARK_DELAY_S, self._queue_mark)
        return self._threads.run(partial(self._write, batch, sync))

    def _write(self, batch: rocksdict.WriteBatch, sync: bool) -> None:
        try:
            with self._errors:
                self._db.write(batch, self._synced if sync else self._plain)
        except StoreError as fault:
            self._is_out_of_room = isinstance(fault, DriveFull)
            raise
        self._is_out_of_room = False
        self._home.check()

    def check_place(self) -> None:
        """Return if the database's directory is where it was opened. Raises DriveFault."""
        self._home.check()

    def _queue_mark(self) -> None:
        self._mark_timer = None
        self._threads.run(self._mark).add_done_callback(_ignore)

    def _mark(self) -> None:
        if self._is_out_of_room:
            # RocksDB begins a new log once there is room. A sync of the log that lacked it would
            # be an error that nothing but a restart clears.
            raise DriveFull("The drive's database has no room.", path=str(self._path))
        with self._errors:
            reached = self._db.latest_sequence_number()
            # Commits without sync have numbers too; the mark may only vouch for what is on the
            # medium.
            self._db.flush_wal(True)
        _write_mark(self._path, reached)

    def unflushed_bytes(self) -> int:
        """Return what the tables in memory will take in files. May be called from any thread.

        Raises
            StoreError: the database is closed or broken.
        """
        with self._errors:
            sizes = [held.property_int_value(_MEMORY) for held in self._tables.values()]
        return sum(size or 0 for size in sizes)

    def flush(self) -> None:
        """Write the tables in memory to files, which gives back the log's room. Blocks."""
        with self._errors:
            for held in self._tables.values():
                held.flush(True)

    def compact(self, room_bytes: int) -> None:
        """Drop what was deleted, writing at most about `room_bytes`. Blocks.

        Keys are rewritten and blob files without live values removed. Live values move out of the
        oldest
        blob files as far as the room allows; those files go at the next pass at the latest.
        """
        for table in _LARGE:
            held = self._tables[table]
            with self._errors:
                total = held.property_int_value("rocksdb.total-blob-file-size") or 0
                cutoff = min(1.0, room_bytes / total) if total else 1.0
                held.set_options({_BLOB_CUTOFF: f"{cutoff:.3f}"})
                try:
                    held.compact_range(None, None)
                finally:
                    held.set_options({_BLOB_CUTOFF: f"{BLOB_CUTOFF}"})

    def estimate_records(self) -> int:
        """Return about how many register records the database holds; 0 when it cannot say."""
        count = self._tables[Table.HEADS].property_int_value("rocksdb.estimate-num-keys")
        return count or 0

    def estimate_packed_shards(self) -> int:
        """Return about how many packed shards the database holds: two rows each."""
        rows = self._tables[Table.SHARDS].property_int_value("rocksdb.estimate-num-keys")
        return (rows or 0) // 2

    async def close(self) -> None:
        """Write a last mark, flush and close."""
        if self._mark_timer is not None:
            self._mark_timer.cancel()
            self._mark_timer = None
        await self._threads.run(self._close)

    def _close(self) -> None:
        try:
            self._mark()
        finally:
            self._tables.clear()
            self._handles.clear()
            with self._errors:
                self._db.close()
            self._home.release()


class RocksCursor:
    """A position in one table."""

    def __init__(self, table: rocksdict.Rdict, end: bytes, errors: LibraryErrors) -> None:
        # The end is compared here: one cursor serves seeks to many places.
        self._iter = table.iter()
        self._end = end
        self._errors = errors

    def seek(self, key: bytes) -> None:
        """Go to the first key ≥ `key`."""
        self._iter.seek(key)

    def item(self) -> tuple[bytes, bytes] | None:
        """Return the present row; None behind the end, after asking whether the end is real."""
        found = self._iter
        if found.valid():
            key = found.key()
            return (key, found.value()) if key < self._end else None
        with self._errors:
            found.status()
        return None

    def advance(self) -> None:
        """Go on by one."""
        self._iter.next()


def _ignore(mark: asyncio.Future[None]) -> None:
    # A mark that could not be written leaves the older one in force, which vouches for less.
    if not mark.cancelled():
        mark.exception()


def _read_mark(path: Path) -> int:
    try:
        raw = (path / _MARK).read_bytes()
    except FileNotFoundError:
        return 0
    # The mark is written in place of its predecessor by rename, so a damaged one is rot, and
    # nothing vouches for the log any more.
    return decode_mark(raw)


def _write_mark(path: Path, sequence: int) -> None:
    temporary = path / (_MARK + ".new")
    try:
        with open(temporary, "wb") as file:
            file.write(encode_mark(sequence))
            file.flush()
            os.fdatasync(file.fileno())
        temporary.replace(path / _MARK)
    except OSError as exc:
        raise DriveIo(f"The sequence mark could not be written: {exc}", path=str(path)) from exc
