"""Query engines and table formats on one bucket: pyarrow, DuckDB and Delta Lake; prints OK.

Runs in the environment of the Python clients, not in that of the suite.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError
from duckdb_extensions import import_extension
from pyarrow import fs

ROWS = 200_000
WRITERS = 6


def sample(rows: int = ROWS) -> pa.Table:
    """Return rows that compress badly enough for several parts."""
    numbers = pa.array(range(rows), pa.int64())
    texts = pa.array([f"{(number * 2654435761) % 2**32:08x}" for number in range(rows)])
    return pa.table({"number": numbers, "text": texts, "day": [n % 3 for n in range(rows)]})


def use_pyarrow(bucket: str, table: pa.Table) -> None:
    """Make the bucket; files, a partitioned dataset and removal by Arrow's file system."""
    files = fs.S3FileSystem(
        endpoint_override=os.environ["AWS_ENDPOINT_URL"], allow_bucket_creation=True
    )
    files.create_dir(bucket)
    pq.write_table(table, f"{bucket}/arrow/one file.parquet", filesystem=files)
    assert pq.read_table(f"{bucket}/arrow/one file.parquet", filesystem=files).equals(table)
    with files.open_output_stream(f"{bucket}/arrow/raw") as out:
        for _ in range(30):
            out.write(bytes(1_000_000))
    info = files.get_file_info(f"{bucket}/arrow/raw")
    assert (info.type, info.size) == (fs.FileType.File, 30_000_000), info
    files.copy_file(f"{bucket}/arrow/raw", f"{bucket}/arrow/copy")
    files.move(f"{bucket}/arrow/copy", f"{bucket}/arrow/moved")
    ds.write_dataset(
        table, f"{bucket}/parts", filesystem=files, format="parquet", partitioning=["day"]
    )
    found = ds.dataset(f"{bucket}/parts", filesystem=files, partitioning=["day"])
    assert found.count_rows() == ROWS
    assert found.filter(ds.field("day") == 1).count_rows() == len(range(1, ROWS, 3))
    names = {found.base_name for found in files.get_file_info(fs.FileSelector(f"{bucket}/arrow"))}
    assert names == {"one file.parquet", "raw", "moved"}, names
    files.delete_dir_contents(f"{bucket}/parts")
    assert files.get_file_info(f"{bucket}/arrow/missing").type == fs.FileType.NotFound


def use_duckdb(bucket: str) -> None:
    """Write and query Parquet with httpfs, which is DuckDB's own S3 client."""
    address = os.environ["AWS_ENDPOINT_URL"].partition("://")[2]
    database = duckdb.connect()
    import_extension("httpfs", con=database)
    database.execute("LOAD httpfs")
    database.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{os.environ['AWS_ACCESS_KEY_ID']}',"
        f" SECRET '{os.environ['AWS_SECRET_ACCESS_KEY']}', REGION 'us-east-1',"
        f" ENDPOINT '{address}', URL_STYLE 'path', USE_SSL false)"
    )
    database.execute(
        "COPY (SELECT range AS n, md5(range::text) AS text, range % 3 AS day"
        f" FROM range({ROWS * 5}))"
        f" TO 's3://{bucket}/duck/all.parquet' (COMPRESSION uncompressed)"
    )
    database.execute(
        f"COPY (SELECT * FROM 's3://{bucket}/duck/all.parquet')"
        f" TO 's3://{bucket}/duck/by day' (FORMAT parquet, PARTITION_BY (day))"
    )
    counted = database.execute(
        "SELECT count(*), sum(n)"
        f" FROM read_parquet('s3://{bucket}/duck/by day/*/*.parquet') WHERE day = 2"
    ).fetchone()
    wanted = range(2, ROWS * 5, 3)
    assert counted == (len(wanted), sum(wanted)), counted


def use_delta(bucket: str, table: pa.Table) -> None:
    """Append from several writers at once: a commit is a put that must be the first of its name."""
    where = f"s3://{bucket}/delta"
    options = {"conditional_put": "etag", "allow_http": "true"}
    write_deltalake(where, table.slice(0, 0), storage_options=options)

    def append(number: int) -> int:
        for _ in range(WRITERS * 3):
            try:
                rows = table.slice(number * 10, 10)
                write_deltalake(where, rows, mode="append", storage_options=options)
            except CommitFailedError:
                continue
            return 10
        return 0

    with ThreadPoolExecutor(WRITERS) as pool:
        appended = sum(pool.map(append, range(WRITERS)))
    found = DeltaTable(where, storage_options=options)
    assert appended == WRITERS * 10, appended
    assert sorted(found.to_pyarrow_table()["number"].to_pylist()) == list(range(WRITERS * 10))
    assert found.version() == WRITERS, found.version()
    found.delete("day = 0")
    found.optimize.compact()
    found.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    left = DeltaTable(where, storage_options=options).to_pyarrow_table()
    assert left.num_rows == sum(1 for n in range(WRITERS * 10) if n % 3), left.num_rows


def empty(bucket: str) -> None:
    """Remove everything, and the bucket."""
    files = fs.S3FileSystem(
        endpoint_override=os.environ["AWS_ENDPOINT_URL"], allow_bucket_deletion=True
    )
    files.delete_dir(bucket)
    assert files.get_file_info(bucket).type == fs.FileType.NotFound


if __name__ == "__main__":
    content = sample()
    use_pyarrow(sys.argv[1], content)
    use_duckdb(sys.argv[1])
    use_delta(sys.argv[1], content)
    empty(sys.argv[1])
    print("OK")
