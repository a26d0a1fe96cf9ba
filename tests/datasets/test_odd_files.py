"""Unusual files of spreadsheets and programs: other encodings, truth values, very large integers."""

import pytest

from datasets import DataError, DataSpec, Series, read


def refusal(path, **settings) -> str:
    """The error for column a of the file, without the name of the folder."""
    with pytest.raises(DataError) as caught:
        read(DataSpec(csv=path, **{"target": "a"} | settings))
    return str(caught.value).replace(f"{path.parent}/", "")


def column(tmp_path, cells) -> Series:
    """The series of a file with a single column."""
    path = tmp_path / "data.csv"
    path.write_text("a\n" + "\n".join(cells) + "\n", encoding="utf-8")
    return read(DataSpec(csv=path, target="a", gaps="carry"))


def test_text_in_another_encoding_is_refused(tmp_path):
    """Latin-1 text is not valid UTF-8."""
    (tmp_path / "data.csv").write_bytes("day,Temp °C\n2020-01-01,5\n".encode("latin-1"))
    assert refusal(tmp_path / "data.csv") == "data.csv, line 1 is not UTF-8 text: save the file as UTF-8."


def test_utf_16_is_named_in_the_error(tmp_path):
    """Spreadsheets save it as "Unicode text". Its zero bytes must not be mistaken for a binary file."""
    for encoding in ("utf-16", "utf-16-be"):
        mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
        (tmp_path / "data.csv").write_bytes(mark + "a\n1\n2\n".encode(encoding))
        assert refusal(tmp_path / "data.csv") == "data.csv is UTF-16 text: save the file as UTF-8."


def test_truth_values_are_read_as_numbers_with_a_note(tmp_path):
    """With and without missing cells."""
    for cells, filled in ((["true", "false", "true"], [1, 0, 1]), (["True", "NA", "False"], [1, 1, 0])):
        series = column(tmp_path, cells)
        assert series.values[:, 0].tolist() == filled
        assert "column 'a': false and true were read as 0 and 1." in " ".join(series.notes)
    assert not column(tmp_path, ["1", "0", "1"]).notes


def test_integers_beyond_double_precision_are_not_called_constant(tmp_path):
    """The numbers differ in the file, but not in double precision."""
    with pytest.raises(
        DataError, match=r"holds 1e\+30 in every row, because its values do not differ in double precision"
    ):
        column(tmp_path, [f"{10**30 + row}" for row in range(5)])


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    """A shell does not expand a tilde within quotation marks."""
    monkeypatch.setenv("HOME", str(tmp_path))
    column(tmp_path, ["1", "2", "3"])
    assert read(DataSpec(csv="~/data.csv", target="a")).rows == 3
