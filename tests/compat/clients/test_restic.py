"""restic: a backup on S3, which relies on listings, ranges and deletes that are seen at once."""

from compat.clients.tree import make_tree, read_tree
from compat.endpoint import run


def test_a_backup_is_restored_checked_and_pruned(bring, endpoint, name):
    settings = {
        "RESTIC_REPOSITORY": f"s3:{endpoint.url}/{name}/backup",
        "RESTIC_PASSWORD": "compat",
        "RESTIC_CACHE_DIR": str(endpoint.home / "cache"),
    }
    environment = {**endpoint.environment(), **settings}
    program = bring("restic")

    def restic(*arguments):
        command = [program, *arguments]
        return run(command, environment=environment, folder=endpoint.home)

    kept = make_tree(endpoint.home / "up")
    restic("init")
    restic("backup", "up")
    (endpoint.home / "up" / "plain.txt").write_text("second")
    restic("backup", "up")
    restic("check", "--read-data")
    restic("forget", "--keep-last", "1", "--prune")
    restic("check", "--read-data")
    restic("restore", "latest", "--target", "down")
    assert read_tree(endpoint.home / "down" / "up") == {**kept, "plain.txt": b"second"}
    assert restic("snapshots", "--json").count(b"short_id") == 1
