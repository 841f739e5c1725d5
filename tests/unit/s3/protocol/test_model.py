"""The service model as this front end keeps it."""

from atoll.s3.protocol.model import load_service_model
from atoll.s3.xml.shapes import Kind
from fakes.s3_front import botocore_model, service_model


def test_every_operation_of_the_service_is_there():
    assert service_model().operations.keys() == set(botocore_model().operation_names)


def test_only_the_named_operations_are_built():
    assert load_service_model({"GetObject"}).operations.keys() == {"GetObject"}


def test_where_members_travel():
    operation = service_model().operations["PutObject"]
    assert (operation.method, operation.request_uri) == ("PUT", "/{Bucket}/{Key+}")
    assert operation.payload is not None
    assert operation.payload.is_streaming
    assert operation.header_members["content-md5"].name == "ContentMD5"
    assert operation.header_members["expires"].shape.kind is Kind.STRING
    assert operation.header_members["x-amz-meta-"].name == "Metadata"
    assert operation.output_headers["ETag"].wire_name == "ETag"
    assert service_model().operations["DeleteObject"].status == 204


def test_flat_lists_are_named_as_botocore_names_them():
    versions = service_model().operations["ListObjectVersions"].output
    assert versions.members["Versions"].element == "Version"
    assert versions.members["Versions"].is_flat
    grants = service_model().operations["GetBucketAcl"].output.members["Grants"]
    assert (grants.element, grants.is_flat, grants.shape.item_name) == (
        "AccessControlList",
        False,
        "Grant",
    )


def test_root_elements():
    roots = {name: operation.root for name, operation in service_model().operations.items()}
    assert roots["ListObjectsV2"] == roots["ListObjects"] == "ListBucketResult"
    assert roots["CopyObject"] == "CopyObjectResult"
    assert roots["GetObjectRetention"] == "Retention"
