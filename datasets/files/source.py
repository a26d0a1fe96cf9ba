"""Any file of the user as UTF-8 text, or as Parquet: encodings, compression, spreadsheets.

A UTF-8 file is used where it is. Everything else is written to a temporary UTF-8 file, which is deleted after reading.
Types of files are recognised by their first bytes, not by their names.
"""

import codecs
import csv
import difflib
import gzip
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from datasets.spec import DataError, DataSpec, to_set

HEAD = 1 << 20  # bytes; a text without an end of line in so many is refused without reading the rest
CHUNK = 1 << 22  # bytes
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
         codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # fmt: skip
KINDS = {  # of files that are not read, by their first bytes in lower case
    b"{": "JSON", b"[": "JSON", b"<": "a web page or XML", b"%pdf": "a PDF", b"\x89hdf": "HDF5", b"cdf\x01": "NetCDF",
    b"cdf\x02": "NetCDF", b"sqlite format 3": "an SQLite database", b"\x93numpy": "a NumPy array", b"arrow1": "Arrow",
    b"\xd0\xcf\x11\xe0": "a workbook of the old form .xls", b"bzh": "compressed by bzip2",
    b"\xfd7zxz": "compressed by xz", b"\x28\xb5\x2f\xfd": "compressed by Zstandard", b"7z\xbc\xaf": "a 7z archive",
    b"rar!": "a RAR archive", b"matlab": "of MATLAB", b"rdx": "of R", b"@relation": "ARFF", b"\x89png": "a picture",
    b"\xff\xd8\xff": "a picture",
}  # fmt: skip
LATIN = ["cp1252", "cp1250", "cp1254", "cp1257"]
SIGNS = "°²³µ€·½".encode("cp1252")
OTHERS = ["cp1251", "koi8_r", "cp1253", "cp932", "gb18030", "big5", "cp949", "cp1255", "cp1256"]


@dataclass(frozen=True)
class Source:
    """A file that can be opened and read again."""

    path: Path  # as the user named it, for messages
    readable: Path  # UTF-8 text or Parquet
    folder: Path  # for temporary files; deleted after reading
    form: str = "text"  # "text" or "Parquet"
    encoding: str = "UTF-8"
    container: str = ""  # "gzip", "zip" or "Excel"
    sheet: str = ""  # of a workbook with several sheets: the name of the one that is read
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Request:
    """What to open, and how."""

    path: Path
    folder: Path  # for temporary files
    data: DataSpec
    names: tuple[str, ...]  # texts that occur in the file


@contextmanager
def opened(data: DataSpec, names: Sequence[str] = ()) -> Iterator[Source]:
    """The file `data.csv` as text or Parquet. Raises DataError if it is missing, damaged, or neither.

    names: texts that occur in the file, which decide an encoding that is not set and not UTF-8.
    """
    path = (data.csv or Path()).expanduser()
    _check_path(path)
    with tempfile.TemporaryDirectory(prefix="like-for-like-data-") as folder:
        try:
            source = _readable(_Request(path, Path(folder), data, tuple(names)))
            if data.sheet is not None and source.container != "Excel":  # as newer rows for a run on a workbook may be
                note = f"The setting data.sheet = {data.sheet!r} has no effect: {path.name} is no Excel workbook."
                source = replace(source, notes=(*source.notes, note))
            yield source
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror or error}).") from None
        except UnicodeDecodeError:
            raise _wrong_encoding(path, "utf-8") from None


def _check_path(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{path} is a folder: name a file in it.")
    if path.is_file():
        return
    if path.exists():
        raise DataError(
            f"{path} is not a regular file, and it must be read twice: give it to the program with --csv -."
        )
    siblings = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, siblings, n=1)
    raise DataError(f"there is no file {path}" + (f"; did you mean {path.parent / near[0]}?" if near else "."))


def _readable(request: _Request) -> Source:
    path, folder = request.path, request.folder
    with path.open("rb") as file:
        head = file.read(8)
    if not head:
        raise DataError(f"{path} is empty: it needs a header line and rows of numbers.")
    if head.startswith(b"PAR1"):
        return Source(path, path, folder, form="Parquet")
    try:
        if head.startswith(b"\x1f\x8b"):
            with gzip.open(path) as stream:
                return replace(_text(request, stream, in_place=False), container="gzip")
        if head.startswith(b"PK\x03\x04"):
            return _from_zip(request)
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile):
        raise DataError(f"{path} is damaged: its compressed content is incomplete.") from None
    with path.open("rb") as stream:
        return _text(request, stream, in_place=True)


def _from_zip(request: _Request) -> Source:
    """The only file in an archive, or a sheet of a workbook."""
    path = request.path
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
        if "xl/workbook.xml" in names:
            return _from_excel(request)
        if "content.xml" in names:
            raise DataError(f"{path} is an OpenDocument file: save its table as CSV or as .xlsx.")
        if len(names) != 1:
            raise DataError(
                f"{path} holds {len(names)} files ({', '.join(names[:5])}): unpack it, and name one of them."
            )
        with archive.open(names[0]) as stream:
            return replace(_text(request, stream, in_place=False), container="zip")


def _from_excel(request: _Request) -> Source:
    """The sheet that is set, or the first one."""
    path, folder = request.path, request.folder
    try:
        import openpyxl
    except ModuleNotFoundError:
        raise DataError(f"{path} is an Excel workbook: pip install openpyxl, or save it as CSV.") from None
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        titles = [sheet.title for sheet in book.worksheets]
        chosen = titles[0] if request.data.sheet is None else request.data.sheet
        if chosen not in titles:
            near = difflib.get_close_matches(chosen, titles, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(map(repr, titles))}."
            raise DataError(f"{path} has no sheet {chosen!r}; {hint}")
        with (folder / "text.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            for row in book[chosen].iter_rows(values_only=True):
                if any(cell is not None for cell in row):
                    writer.writerow(["" if cell is None else cell for cell in row])
    except DataError:
        raise
    except Exception:  # openpyxl raises errors of many types for a damaged file
        raise DataError(f"{path} is a damaged Excel workbook: save it as CSV.") from None
    others = [title for title in titles if title != chosen]
    if not others:
        return Source(path, folder / "text.csv", folder, container="Excel")
    another = f"; for another sheet, {to_set(sheet=others[0])}" if request.data.sheet is None else ""
    note = f"Of the workbook, the sheet {chosen!r} was read; not {', '.join(others)}{another}."
    return Source(path, folder / "text.csv", folder, container="Excel", sheet=chosen, notes=(note,))


def _text(request: _Request, stream: IO[bytes] | gzip.GzipFile, *, in_place: bool) -> Source:
    """The text of a stream. It is copied unless it is plain UTF-8 `in_place`, at the path itself."""
    path, folder = request.path, request.folder
    head = stream.read(HEAD)
    if not head.strip(b"\0\r\n\t \xef\xbb\xbf"):
        raise DataError(f"{path} is empty: it needs a header line and rows of numbers.")
    _refuse_other_kinds(path, head)
    chosen = request.data.encoding or next((name for mark, name in MARKS.items() if head.startswith(mark)), None)
    if chosen is None and b"\0" in head:
        wide = head.count(0) > len(head) / 4  # as in text whose letters take two bytes
        named = f"; or if it is text, name its encoding, as in {to_set(encoding='utf-16-le')}" if wide else ""
        raise DataError(f"{path} is not a text file, a workbook or a Parquet file: save its table as CSV{named}.")
    if len(head) == HEAD and not any(end in head for end in (b"\n", b"\r")):
        raise DataError(f"{path} has no end of line in its first {HEAD:,} bytes: it is not a table; save it as CSV.")
    if chosen is None:
        chosen = "utf-8" if _is_utf8(head) else _guessed(head, request.names)
    if in_place and chosen in ("utf-8", "utf-8-sig"):  # the reader refuses later bytes that are not UTF-8
        return Source(path, path, folder)
    stream.seek(0)
    readable = folder / "text.csv"
    try:
        decoder = codecs.getreader(chosen)(stream)
        with readable.open("w", encoding="utf-8", newline="") as file:
            while chunk := decoder.read(CHUNK):
                file.write(chunk.replace("\0", ""))
    except UnicodeError:
        raise _wrong_encoding(path, chosen) from None
    shown = {"utf-8-sig": "UTF-8", "utf-8": "UTF-8"}.get(chosen, chosen.upper())
    return Source(path, readable, folder, encoding=shown)


def _refuse_other_kinds(path: Path, head: bytes) -> None:
    """Raise DataError for a file of a known kind that is no table of text."""
    begin = head[:4096].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    kind = next((kind for mark, kind in KINDS.items() if begin.startswith(mark)), None)
    if kind == "JSON" and not re.match(rb"[\[{]\s*(?:[\[{\"]|-?\d+\s*,\s*\d)", begin):
        return  # a header in brackets
    if kind is not None:
        reader = " (pandas.read_json reads it, and to_csv writes it)" if kind == "JSON" else ""
        raise DataError(
            f"{path} is {kind}, which is not read: save its table as CSV, Excel (.xlsx) or Parquet{reader}."
        )


def _wrong_encoding(path: Path, encoding: str) -> DataError:
    with path.open("rb") as stream:
        right = "utf-8" if encoding != "utf-8" and _is_utf8(stream.read(HEAD)) else "latin-1"
    return DataError(f"{path} is not text in the encoding {encoding}: {to_set(encoding=right)}.")


def _is_utf8(head: bytes) -> bool:
    """Whether the head of a file is UTF-8 text; its last letter may be incomplete."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < HEAD)
    except UnicodeDecodeError:
        return False
    return True


def _guessed(head: bytes, names: Sequence[str]) -> str:
    """The encoding of text that is not UTF-8: one in which the names occur, and that gives likely letters."""
    from charset_normalizer import from_bytes

    words = [word for word in re.findall(rb"[A-Za-z\x80-\xff]+", head.translate(None, SIGNS)) if not word.isascii()]
    letters = b"".join(words)
    foreign = re.sub(rb"[A-Za-z]", b"", letters)
    latin = len(foreign) <= len(letters) - len(foreign)
    if not foreign or (latin and all(_decoded(word, "cp1252").isalpha() for word in words)):
        likely = ["cp1252"]
    else:
        isolated = LATIN if latin else OTHERS
        best = from_bytes(head[:100_000], cp_isolation=isolated).best()
        likely = [best.encoding] if best is not None else []
    for encoding in (*likely, *LATIN, *OTHERS):
        text = _decoded(head, encoding)
        if text and all(name in text for name in names):
            return encoding
    return likely[0] if likely else "latin-1"


def _decoded(content: bytes, encoding: str) -> str:
    """The text; empty if the content is none in this encoding."""
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return ""
