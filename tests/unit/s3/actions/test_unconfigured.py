"""Sub-resources that were never set answer as on a bucket that never configured them."""

import pytest

from fakes.s3_front import Bench


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.call("CreateBucket", "PUT", "/bucket")
    bench.ask("PUT", "/bucket/key", body=b"x")
    return bench


@pytest.mark.parametrize(
    ("operation", "query", "output"),
    [
        ("GetBucketAbac", "abac", {"AbacStatus": {"Status": "Disabled"}}),
        ("GetBucketAccelerateConfiguration", "accelerate", {}),
        ("GetBucketLogging", "logging", {}),
        ("GetBucketNotificationConfiguration", "notification", {}),
        ("GetBucketRequestPayment", "requestPayment", {"Payer": "BucketOwner"}),
        ("ListBucketAnalyticsConfigurations", "analytics", {"IsTruncated": False}),
        ("ListBucketInventoryConfigurations", "inventory", {"IsTruncated": False}),
        ("ListBucketMetricsConfigurations", "metrics", {"IsTruncated": False}),
        (
            "ListBucketIntelligentTieringConfigurations",
            "intelligent-tiering",
            {"IsTruncated": False},
        ),
    ],
)
def test_what_answers_a_default(bench, operation, query, output):
    assert bench.call(operation, "GET", f"/bucket?{query}") == output
    assert bench.error("GET", f"/nowhere?{query}") == (404, "NoSuchBucket")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("policy", "NoSuchBucketPolicy"),
        ("policyStatus", "NoSuchBucketPolicy"),
        ("cors", "NoSuchCORSConfiguration"),
        ("lifecycle", "NoSuchLifecycleConfiguration"),
        ("website", "NoSuchWebsiteConfiguration"),
        ("replication", "ReplicationConfigurationNotFoundError"),
        ("encryption", "ServerSideEncryptionConfigurationNotFoundError"),
        ("object-lock", "ObjectLockConfigurationNotFoundError"),
        ("publicAccessBlock", "NoSuchPublicAccessBlockConfiguration"),
        ("ownershipControls", "OwnershipControlsNotFoundError"),
        ("metrics&id=1", "NoSuchConfiguration"),
    ],
)
def test_what_answers_its_own_code(bench, query, code):
    assert bench.error("GET", f"/bucket?{query}") == (404, code)
    assert bench.error("GET", f"/nowhere?{query}") == (404, "NoSuchBucket")
    # What can be read as absent cannot be set by accident.
    assert bench.error("PUT", f"/bucket?{query}", body=b"<x/>")[0] in (405, 501)


def test_objects_show_no_lock(bench):
    assert bench.error("GET", "/bucket/key?retention") == (400, "InvalidRequest")
    assert bench.error("GET", "/bucket/key?legal-hold") == (400, "InvalidRequest")
