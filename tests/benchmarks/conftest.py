"""Definitions of benchmarks as files."""

import pytest

from tests.benchmarks.command_line import SMALL


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """A function that writes a definition to a file, SMALL if no other text is given, and returns the path."""

    def write(text=SMALL):
        path = tmp_path_factory.mktemp("definition") / "small.toml"
        path.write_text(text)
        return path

    return write
