"""One file per S3 action; each has one coroutine `handle(call)`."""
