"""Definitions as files."""

import pytest

from tests.benchmarks.command_line import SMALL


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """Writes a TOML; the text may differ from SMALL."""

    def write(text=SMALL):
        path = tmp_path_factory.mktemp("definition") / "small.toml"
        path.write_text(text)
        return path

    return write
