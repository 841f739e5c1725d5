"""Record how live clients speak: `PYTHONPATH=tests python -m compat.wire.record [RECIPE…]`.

Owns      tests/vectors/wire. Each recipe runs one client against a node behind a relay, and keeps
          the requests that put certain keys.
Does not  run in any test: recorded bytes change only when a client is recorded anew.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import boto3
import msgspec

from cluster.node_process import NodeProcess
from compat.certificate import write_certificate
from compat.clients import install
from compat.endpoint import Endpoint, run
from compat.wire import vectors
from compat.wire.relay import Relay
from compat.wire.vectors import ACCESS_KEY, FOLDER, SECRET_KEY, Vector, WireRequest

BUCKET: Final = "recorded"
TEXT: Final = "Atoll keeps what it is given.\n"

Command = Callable[[Endpoint], Sequence[str | Path]]


class Pick(msgspec.Struct, frozen=True):
    """Which put to keep: by the end of its path, and its content."""

    suffix: str
    path_end: str
    text: str = ""
    pattern_bytes: int = 0


class Recipe(msgspec.Struct, frozen=True):
    """How to make one client put."""

    client: str
    schemes: tuple[str, ...]
    command: Command
    picks: tuple[Pick, ...]


def _python(*lines: str) -> Command:
    """Run lines of Python in this environment, with `s3` being a default client of boto3."""
    start = ["import boto3", "from botocore.config import Config", "s3 = boto3.client('s3')"]
    code = [*start, f"box, body = {BUCKET!r}, {TEXT.encode()!r}", *lines]
    return lambda _: [sys.executable, "-c", "\n".join(code)]


def _in_clients_python(*lines: str) -> Command:
    """Run lines of Python in the environment of the Python clients."""
    return lambda _: [install.install_python(), "-c", "\n".join(["import os", *lines])]


def _cli(name: str) -> Command:
    def command(endpoint: Endpoint) -> Sequence[str | Path]:
        (endpoint.home / "up").write_text(TEXT)
        program = install.CLIENTS[name]()
        return [program, "--endpoint-url", endpoint.url, "s3", "cp", "up", f"s3://{BUCKET}/file"]

    return command


def _s3cmd(signature: str) -> Command:
    def command(endpoint: Endpoint) -> Sequence[str | Path]:
        (endpoint.home / "up").write_text(TEXT)
        (endpoint.home / "s3cfg").write_text(
            f"[default]\nhost_base = {endpoint.address}\nhost_bucket = {endpoint.address}\n"
            f"use_https = False\nsignature_v2 = {signature == 'v2'}\n"
            f"access_key = {ACCESS_KEY}\nsecret_key = {SECRET_KEY}\n"
        )
        return [install.install_s3cmd(), "-c", "s3cfg", "put", "up", f"s3://{BUCKET}/file"]

    return command


def _rclone(endpoint: Endpoint) -> Sequence[str | Path]:
    (endpoint.home / "up").write_text(TEXT)
    remote = f":s3,provider=Other,env_auth,region=us-east-1,endpoint='{endpoint.url}':"
    program = install.install_go_program("rclone")
    return [program, "--config", "", "copyto", "up", f"{remote}{BUCKET}/file"]


def _java(_: Endpoint) -> Sequence[str | Path]:
    folder = install.install_java()
    path = f"{folder / 'compat-1.jar'}:{folder / 'lib' / '*'}"
    return [install.find_program("java", ""), "-cp", path, "atoll.compat.Main", "java"]


def _javascript(_: Endpoint) -> Sequence[str | Path]:
    return [install.find_program("node", ""), install.install_javascript(), "javascript"]


def _go(_: Endpoint) -> Sequence[str | Path]:
    return [install.install_go(), "go"]


_FILE: Final = (Pick("file", f"/{BUCKET}/file", TEXT),)
_BOTH: Final = ("http", "https")
_ARROW: Final = (
    "from pyarrow import fs",
    "files = fs.S3FileSystem(endpoint_override=os.environ['AWS_ENDPOINT_URL'],",
    "                        allow_delayed_open=True)",
    f"with files.open_output_stream('{BUCKET}/file') as out: out.write({TEXT.encode()!r})",
)
_OBSTORE: Final = (
    "import obstore",
    "from obstore.store import S3Store",
    f"store = S3Store({BUCKET!r}, endpoint=os.environ['AWS_ENDPOINT_URL'],",
    "                client_options={'allow_http': True})",
    f"obstore.put(store, 'file', {TEXT.encode()!r})",
)

RECIPES: Final = {
    "boto3": Recipe(
        f"boto3 {boto3.__version__}",
        _BOTH,
        _python(
            "s3.put_object(Bucket=box, Key='file', Body=body)",
            "s3.put_object(Bucket=box, Key='sha256', Body=body, ChecksumAlgorithm='SHA256')",
            "import io",
            "s3.upload_fileobj(io.BytesIO(body), box, 'stream')",
            "s3 = boto3.client('s3', config=Config(signature_version='s3'))",
            "s3.put_object(Bucket=box, Key='v2', Body=body)",
            "from urllib.request import Request, urlopen",
            "import ssl",
            "for version in 's3v4', 's3':",
            "    s3 = boto3.client('s3', config=Config(signature_version=version))",
            "    to = dict(Bucket=box, Key='presigned-' + version, ContentType='text/plain')",
            "    url = s3.generate_presigned_url('put_object', Params=to)",
            "    told = Request(url, body, {'Content-Type': 'text/plain'}, method='PUT')",
            "    urlopen(told, context=ssl.create_default_context())",
        ),
        (
            *_FILE,
            Pick("sha256", f"/{BUCKET}/sha256", TEXT),
            Pick("stream", f"/{BUCKET}/stream", TEXT),
            Pick("v2", f"/{BUCKET}/v2", TEXT),
            Pick("presigned", f"/{BUCKET}/presigned-s3v4", TEXT),
            Pick("presigned-v2", f"/{BUCKET}/presigned-s3", TEXT),
        ),
    ),
    "aws-cli-1": Recipe("AWS CLI 1.46.3", _BOTH, _cli("aws"), _FILE),
    "aws-cli-2": Recipe("AWS CLI 2.9.19", _BOTH, _cli("aws2"), _FILE),
    "go": Recipe(
        "AWS SDK for Go 2 1.114.9, minio-go 7.4.1",
        _BOTH,
        _go,
        (
            Pick("aws-small", "/go-aws/hello.txt", "hello from Go"),
            Pick("aws-stream", "/go-aws/transfer-small", pattern_bytes=70_000),
            Pick("minio-small", "/go-minio/hello.txt", pattern_bytes=13),
            Pick("minio-chunks", "/go-minio/chunks", pattern_bytes=140_000),
            Pick("minio-v2", "/.", pattern_bytes=140_000),
        ),
    ),
    "java": Recipe(
        "AWS SDK for Java 2.57.8",
        _BOTH,
        _java,
        (
            Pick("small", "/java/hello.txt", "hello from Java"),
            Pick("stream", "/java/streamed", pattern_bytes=140_000),
            Pick("async", "/java/async-small", "tiny"),
        ),
    ),
    "javascript": Recipe(
        "AWS SDK for JavaScript 3.1173.0",
        _BOTH,
        _javascript,
        (
            Pick("small", "/javascript/hello.txt", "hello from JavaScript"),
            Pick("stream", "/javascript/streamed", pattern_bytes=140_000),
        ),
    ),
    "s3cmd-v2": Recipe("s3cmd 2.4.0, signature 2", ("http",), _s3cmd("v2"), _FILE),
    "s3cmd-v4": Recipe("s3cmd 2.4.0", ("http",), _s3cmd("v4"), _FILE),
    "rclone": Recipe("rclone 1.76.0", _BOTH, _rclone, _FILE),
    "pyarrow": Recipe("pyarrow 26.0.1", ("http",), _in_clients_python(*_ARROW), _FILE),
    "obstore": Recipe("obstore 0.12.1", ("http",), _in_clients_python(*_OBSTORE), _FILE),
}


def record(name: str) -> list[Vector]:
    """Run one recipe with each scheme, and write what it sent."""
    recipe = RECIPES[name]
    found: list[Vector] = []
    for scheme in recipe.schemes:
        with TemporaryDirectory() as folder:
            requests = _run_recorded(recipe, scheme, Path(folder))
        for pick in recipe.picks:
            stem = f"{name}-{scheme}-{pick.suffix}"
            kept = _choose(requests, pick)
            assert kept, f"{stem}: nothing was put at …{pick.path_end}"
            for number, request in enumerate(kept):
                vector = Vector(
                    name=stem if number == 0 else f"{stem}-{number + 1}",
                    client=recipe.client,
                    is_tls=scheme == "https",
                    text=pick.text,
                    pattern_bytes=pick.pattern_bytes,
                    covers_content=_covers_content(request),
                )
                path = FOLDER / f"{vector.name}.http"
                path.write_bytes(request.head + request.body)
                found.append(vector)
    return found


def _run_recorded(recipe: Recipe, scheme: str, home: Path) -> list[WireRequest]:
    """Run a client between relay and node; return all that it sent."""
    pair = {"ATOLL_ACCESS_KEY": ACCESS_KEY, "ATOLL_SECRET_KEY": SECRET_KEY}
    certificate = write_certificate(home) if scheme == "https" else None
    with NodeProcess(home, preload=pair) as node:
        direct = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{node.port}",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name="us-east-1",
        )
        direct.create_bucket(Bucket=BUCKET)
        with Relay(node.port, certificate) as relay:
            endpoint = Endpoint(
                f"{scheme}://127.0.0.1:{relay.port}",
                ACCESS_KEY,
                SECRET_KEY,
                home,
                certificate[0] if certificate else None,
            )
            run(recipe.command(endpoint), environment=endpoint.environment(), folder=home)
        return [each for stream in relay.streams() for each in vectors.split_requests(stream)]


def _choose(requests: Sequence[WireRequest], pick: Pick) -> list[WireRequest]:
    """Return the puts of a pick, one of each way to sign, frame and check."""
    size = pick.pattern_bytes or len(pick.text.encode())
    kept: dict[tuple[object, ...], WireRequest] = {}
    for request in requests:
        is_part = b"uploadId=" in request.head.split(b" ", 2)[1]
        if request.method != "PUT" or is_part or not request.path.endswith(pick.path_end):
            continue
        sent = request.get("x-amz-decoded-content-length") or request.get("content-length")
        if sent == str(size):
            kept.setdefault(_way(request), request)
    return list(kept.values())


def _way(request: WireRequest) -> tuple[object, ...]:
    """Return how a request is signed, framed and checked."""
    signed = request.get("x-amz-content-sha256") or ""
    authorization = request.get("authorization") or ""
    return (
        authorization.partition(" ")[0],
        signed if not signed.islower() else "digest",
        request.get("x-amz-trailer"),
        request.get("content-md5") is None,
        _checksum_header(request),
    )


def _covers_content(request: WireRequest) -> bool:
    """Return whether other content would contradict something in the request."""
    signed = request.get("x-amz-content-sha256") or "UNSIGNED-PAYLOAD"
    checks = ("content-md5", "x-amz-trailer")
    has_digest = any(request.get(name) for name in checks) or _checksum_header(request)
    return bool(has_digest) or signed not in ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD")


def _checksum_header(request: WireRequest) -> str | None:
    """Return the name of the checksum in headers or, of a presigned URL, in the query."""
    for algorithm in ("crc32", "crc32c", "crc64nvme", "sha1", "sha256"):
        name = f"x-amz-checksum-{algorithm}"
        if request.get(name) or name.encode() in request.head.split(b" ", 2)[1].lower():
            return name
    return None


def main(names: Sequence[str]) -> None:
    """Record the recipes named, or all, and keep the vectors of the others."""
    FOLDER.mkdir(exist_ok=True)
    for name in names or RECIPES:
        old = vectors.read_index() if vectors.INDEX.exists() else []
        prefixes = tuple(f"{name}-{scheme}-" for scheme in ("http", "https"))
        for vector in old:
            if vector.name.startswith(prefixes):
                (FOLDER / f"{vector.name}.http").unlink()
        new = record(name)
        vectors.write_index([each for each in old if not each.name.startswith(prefixes)] + new)
        print(f"{name}: {', '.join(vector.name for vector in new)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
