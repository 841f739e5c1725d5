import base64

import pytest

from atoll.base.errors import NotSupported
from atoll.objects.values import Checksum
from atoll.s3.errors import S3Error
from atoll.s3.headers import checksums
from atoll.s3.protocol.model import load_service_model


@pytest.mark.parametrize(("algorithm", "size"), checksums.ALGORITHMS.items())
def test_a_value_is_read_as_it_is_written(algorithm, size):
    checksum = Checksum(algorithm, bytes(range(size)))
    members = checksums.typed_members(checksum)
    assert members.pop("ChecksumType") == "FULL_OBJECT"
    assert checksums.parse_checksums(members) == {algorithm: checksum.value}


@pytest.mark.parametrize("algorithm", checksums.ALGORITHMS)
def test_headers_have_the_names_of_the_model(algorithm):
    members = load_service_model(["PutObject"]).operations["PutObject"].output_headers
    (value, kind) = checksums.checksum_headers(Checksum(algorithm, b"x"))
    assert value[0] == members[f"Checksum{algorithm}"].wire_name.lower()
    assert kind[0] == members["ChecksumType"].wire_name.lower()


def test_a_composite_value_ends_in_its_part_count():
    composite = Checksum("SHA1", b"x" * 20, composite=True)
    plain = base64.b64encode(b"x" * 20).decode()
    assert checksums.encode_checksum(composite, 12) == f"{plain}-12"
    assert checksums.encode_checksum(composite) == plain
    assert checksums.encode_checksum(Checksum("SHA1", b"x" * 20), 12) == plain
    assert checksums.parse_checksums({"ChecksumSHA1": f"{plain}-12"}) == {"SHA1": b"x" * 20}


def test_no_checksum_has_no_members():
    assert checksums.typed_members(None) == checksums.checksum_members(None) == {}


@pytest.mark.parametrize("value", ["", "AAAA", "AAAAAA=", "AAAAAAA=", "****", "AAAAAA==-x", "ü"])
def test_a_value_of_another_form_is_refused(value):
    with pytest.raises(S3Error) as caught:
        checksums.parse_checksums({"ChecksumCRC32": value})
    assert caught.value.code == "InvalidRequest"


def test_every_algorithm_of_the_model_is_known_or_refused():
    shape = load_service_model(["UploadPart"]).operations["UploadPart"].output
    names = {name for name in shape.members if name.startswith("Checksum")}
    for name in names - {f"Checksum{known}" for known in checksums.ALGORITHMS}:
        with pytest.raises(NotSupported):
            checksums.parse_checksums({name: "AAAA"})


def test_algorithm_names_are_read_in_any_case():
    assert checksums.parse_algorithm("crc64nvme") == "CRC64NVME"
