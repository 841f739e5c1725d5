"""File-like clients on one bucket: s3fs (fsspec) and obstore; prints OK.

Runs in the environment of the Python clients, not in that of the suite.
"""

from __future__ import annotations

import os
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import obstore
import s3fs
from obstore.exceptions import AlreadyExistsError, PreconditionError
from obstore.store import S3Store

ODD_KEY = "dir with space/ü+%/ä&=?#€/leaf"
LARGE = bytes(range(256)) * (13 * 4096)
WRITERS = 8


def use_s3fs(bucket: str) -> None:
    """Make the bucket; write, append, read ranges, trees, copies, tags and metadata."""
    files = s3fs.S3FileSystem()
    files.mkdir(bucket)
    for key, content in {"small": b"hello", "empty": b"", ODD_KEY: b"odd", "large": LARGE}.items():
        with files.open(f"{bucket}/{key}", "wb", block_size=5 * 2**20) as out:
            out.write(content)
        assert files.cat_file(f"{bucket}/{key}") == content, key
    assert files.cat_file(f"{bucket}/large", start=1000, end=2000) == LARGE[1000:2000]
    with files.open(f"{bucket}/small", "ab") as out:
        out.write(b", again")
    assert files.cat_file(f"{bucket}/small") == b"hello, again"
    files.put_tags(f"{bucket}/small", {"team": "blue"})
    assert files.get_tags(f"{bucket}/small") == {"team": "blue"}
    files.setxattr(f"{bucket}/small", colour="blue")
    assert files.getxattr(f"{bucket}/small", "colour") == "blue"
    files.copy(f"{bucket}/large", f"{bucket}/copy")
    files.mv(f"{bucket}/copy", f"{bucket}/moved")
    assert files.info(f"{bucket}/moved")["size"] == len(LARGE)
    with TemporaryDirectory() as folder:
        for name in ("a b", "deep/er/ü+%", "deep/leaf"):
            path = Path(folder, "up", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        files.put(f"{folder}/up/", f"{bucket}/tree/", recursive=True)
        files.get(f"{bucket}/tree/", f"{folder}/down/", recursive=True)
        assert Path(folder, "down/deep/er/ü+%").read_text() == "deep/er/ü+%"
    assert len(files.find(f"{bucket}/tree")) == 3
    with urllib.request.urlopen(files.sign(f"{bucket}/{ODD_KEY}")) as answer:
        assert answer.read() == b"odd"
    assert sorted(files.ls(bucket, detail=False, refresh=True)) == [
        f"{bucket}/{name}"
        for name in ("dir with space", "empty", "large", "moved", "small", "tree")
    ]


def use_obstore(bucket: str) -> None:
    """Conditional puts, multipart, ranges, listing and signed addresses."""
    store = S3Store(
        bucket, endpoint=os.environ["AWS_ENDPOINT_URL"], client_options={"allow_http": True}
    )
    first = obstore.put(store, "once", b"1", mode="create")
    refuses(AlreadyExistsError, lambda: obstore.put(store, "once", b"2", mode="create"))
    known = {"e_tag": first["e_tag"]}
    obstore.put(store, "once", b"3", mode=known)
    refuses(PreconditionError, lambda: obstore.put(store, "once", b"4", mode=known))
    count_together(store)
    obstore.put(store, ODD_KEY, LARGE, chunk_size=5 * 2**20, attributes={"Content-Type": "text/x"})
    got = obstore.get(store, ODD_KEY)
    assert got.attributes["Content-Type"] == "text/x"
    assert bytes(got.bytes()) == LARGE
    assert bytes(obstore.get_range(store, ODD_KEY, start=5, length=7)) == LARGE[5:12]
    with obstore.open_writer(store, "written", buffer_size=5 * 2**20) as out:
        out.write(LARGE)
    obstore.copy(store, "written", "copied")
    obstore.rename(store, "copied", "renamed")
    assert obstore.head(store, "renamed")["size"] == len(LARGE)
    with urllib.request.urlopen(obstore.sign(store, "GET", ODD_KEY, timedelta(seconds=60))) as got:
        assert got.read() == LARGE
    refuses(FileNotFoundError, lambda: obstore.head(store, "missing"))
    keys = [row["path"] for batch in obstore.list(store) for row in batch]
    assert keys == sorted(keys, key=str.encode)
    assert ODD_KEY in keys
    obstore.delete(store, keys)
    assert not [row for batch in obstore.list(store) for row in batch]


def count_together(store: S3Store) -> None:
    """Count with compare-and-set from several threads; no step may be lost."""
    obstore.put(store, "counter", b"0")

    def add(_: int) -> None:
        while True:
            seen = obstore.get(store, "counter")
            known = {"e_tag": seen.meta["e_tag"]}
            try:
                obstore.put(store, "counter", b"%d" % (int(bytes(seen.bytes())) + 1), mode=known)
            except PreconditionError:
                continue
            return

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(add, range(WRITERS * 4)))
    assert bytes(obstore.get(store, "counter").bytes()) == b"%d" % (WRITERS * 4)


def refuses(kind: type[Exception], call) -> None:
    """Expect an error of this kind."""
    try:
        call()
    except kind:
        return
    raise AssertionError(f"no {kind.__name__}")


if __name__ == "__main__":
    use_s3fs(sys.argv[1])
    use_obstore(sys.argv[1])
    s3fs.S3FileSystem().rmdir(sys.argv[1])
    print("OK")
