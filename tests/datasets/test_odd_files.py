"""Files as spreadsheets and programs leave them: other encodings, truth values, numbers beyond precision."""

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


def test_utf_16_is_called_by_its_name(tmp_path):
    """A spreadsheet's "Unicode text"; it is full of zero bytes and still no binary file."""
    for encoding in ("utf-16", "utf-16-be"):
        mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
        (tmp_path / "data.csv").write_bytes(mark + "a\n1\n2\n".encode(encoding))
        assert refusal(tmp_path / "data.csv") == "data.csv is UTF-16 text: save the file as UTF-8."


def test_truth_values_are_read_as_numbers_and_it_is_said(tmp_path):
    """With and without missing ones."""
    for cells, filled in ((["true", "false", "true"], [1, 0, 1]), (["True", "NA", "False"], [1, 1, 0])):
        series = column(tmp_path, cells)
        assert series.values[:, 0].tolist() == filled
        assert "column 'a': false and true were read as 0 and 1." in " ".join(series.notes)
    assert not column(tmp_path, ["1", "0", "1"]).notes


def test_whole_numbers_beyond_double_precision_are_not_called_constant(tmp_path):
    """They differ in the file."""
    with pytest.raises(DataError, match=r"holds 1e\+30 in every row, for its values do not differ in double precision"):
        column(tmp_path, [f"{10**30 + row}" for row in range(5)])


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    """No shell expands it within quotation marks."""
    monkeypatch.setenv("HOME", str(tmp_path))
    column(tmp_path, ["1", "2", "3"])
    assert read(DataSpec(csv="~/data.csv", target="a")).rows == 3
