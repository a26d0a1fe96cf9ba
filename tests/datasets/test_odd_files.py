"""Files as spreadsheets and other programs leave them: other encodings, truth values, whole numbers beyond precision."""

import pytest

from datasets import DataError, DataSpec, Series, read


def refusal(path, **settings) -> str:
    """Why column a of the file is refused, without its folder."""
    with pytest.raises(DataError) as caught:
        read(DataSpec(csv=path, **{"target": "a"} | settings))
    return str(caught.value).replace(f"{path.parent}/", "")


def column(tmp_path, cells) -> Series:
    """The series of one column."""
    path = tmp_path / "data.csv"
    path.write_text("a\n" + "\n".join(cells) + "\n", encoding="utf-8")
    return read(DataSpec(csv=path, target="a", gaps="carry"))


def test_text_in_another_encoding_is_refused(tmp_path):
    """Latin-1 read as UTF-8 would give other column names, or nothing."""
    (tmp_path / "data.csv").write_bytes("day,Temp °C\n2020-01-01,5\n".encode("latin-1"))
    assert refusal(tmp_path / "data.csv") == "data.csv, line 1 is not UTF-8 text: save the file as UTF-8."
