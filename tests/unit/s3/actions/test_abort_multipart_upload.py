import pytest

from atoll.base.errors import UploadNotFound
from atoll.s3.actions.abort_multipart_upload import abort_multipart_upload
from fakes.s3_call import Bench
from fakes.s3_upload import add, begin


def test_an_upload_is_dropped_once():
    bench = Bench()
    upload_id = begin(bench)
    add(bench, upload_id, 1, b"x")
    answer = bench.run(abort_multipart_upload, {"UploadId": upload_id})
    assert (answer.status, answer.output) == (204, {})
    assert not bench.store.uploads
    with pytest.raises(UploadNotFound):
        bench.run(abort_multipart_upload, {"UploadId": upload_id})
