"""Libraries of data work in Python, each with its own S3 client below."""

from pathlib import Path

import pytest

from compat.endpoint import run

PROGRAMS = Path(__file__).parent / "python"


@pytest.mark.parametrize("program", ["files", "tables"])
def test_python(bring, endpoint, name, program):
    command = [bring("python"), "-W", "ignore::DeprecationWarning", PROGRAMS / f"{program}.py"]
    said = run([*command, name], environment=endpoint.environment(), folder=endpoint.home)
    assert said.decode().splitlines()[-1] == "OK"
