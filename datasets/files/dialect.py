"""The dialect of a CSV text: separator, quotation mark, lines above the header, the header, comments.

clevercsv finds the separator and the quotation mark. The rest follows from the rows of the head of the file.
"""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from datasets.files.numbers import MISSING
from datasets.spec import DataError, DataSpec, to_set

HEAD = 1 << 16  # characters that the dialect is found from
LINES = 200  # that the separator is found from
SOME = 1000  # rows that show what a column holds
MOST_TITLES = 50  # lines above the header
MOST_HEADERS = 5  # further lines of the header
COMMENTS = ("#", "%", "//", ";;")
NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "|", " ": "blanks", ":": "colons", "": "a single column"}


@dataclass(frozen=True)
class Dialect:
    """How to split a text into rows and columns."""

    separator: str  # "" for a single column
    quote: str
    first: int  # lines above the first row of data
    names: tuple[str, ...]
    comment: str = ""  # the first characters of lines that are no rows
    has_comments: bool = False  # below the header, in the head of the file or by a setting
    rows: tuple[tuple[str, ...], ...] = ()  # the first rows of data
    notes: tuple[str, ...] = ()
    other_names: tuple[tuple[str, ...], ...] = ()  # further lines of the header
    header: str = ""  # the line of the header, "" if the file has none

    @property
    def has_line_ends(self) -> bool:
        """Whether cells of the first rows hold line ends."""
        return any("\n" in cell for row in self.rows for cell in row)

    @property
    def described(self) -> str:
        """The separator in words."""
        return NAMES.get(self.separator, repr(self.separator))


def sniff(path: Path, text: Path, data: DataSpec) -> Dialect:
    """The dialect of a UTF-8 text; the settings of the user come first. path: for messages."""
    with text.open(encoding="utf-8-sig", newline="") as file:
        head = file.read(HEAD)
        if len(head) == HEAD:
            head = head[: head.rfind("\n") + 1] or head
    lines = head.splitlines(keepends=True)
    if not "".join(lines).strip():
        raise DataError(f"{path} is empty: it needs a header line and rows of numbers.")
    top, comment, declared = _top(lines, data)
    if top >= len(lines):
        raise DataError(f"{path} has no line below the {top} lines that are left out: {to_set(skip=0)}.")
    body = [line for line in lines[top:] if line.strip() and not (comment and line.startswith(comment))]
    separator, quote = _separator(body[:LINES], data.separator or declared)
    rows = _rows(lines[top:], separator, quote, comment)
    if not rows:
        raise DataError(f"{path} has no line that is not a comment.")
    return _laid_out(_Head(path, lines, top, comment, separator, quote, rows), data)


@dataclass(frozen=True)
class _Head:
    """The head of a text, split into rows."""

    path: Path
    lines: Sequence[str]
    top: int  # lines above the first row
    comment: str
    separator: str
    quote: str
    rows: list[tuple[int, list[str]]]  # the number of the last line of each row below `top`, and its cells


def _top(lines: Sequence[str], data: DataSpec) -> tuple[int, str, str | None]:
    """The lines above the header that are no rows, the mark of comments, and the separator that `sep=` declares."""
    number, declared, comment = data.skip or 0, None, data.comment or ""
    while number < len(lines):
        line = lines[number].strip()
        mark = next((mark for mark in COMMENTS if line.startswith(mark)), "")
        if re.fullmatch(r'"?sep=.?"?', line.casefold()):
            declared = lines[number].strip().strip('"')[4:5] or "\t"
        elif mark and data.comment is None:
            comment = mark
        elif line and not (comment and line.startswith(comment)):
            break
        number += 1
    return number, comment, declared


def _separator(lines: Sequence[str], given: str | None) -> tuple[str, str]:
    """Separator and quotation mark."""
    text = "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
    may_quote = (
        re.search(r"(?m)(?:^|[;\t|, ])'", text) is not None
    )  # an apostrophe within a number is no quotation mark
    if given is None and not may_quote:  # most files; clevercsv finds the same, but takes 0.2 s to import
        splitting = [mark for mark in ";\t|," if _is_even(_rows(lines, mark, '"', ""))]
        if len(splitting) == 1:
            return splitting[0], '"'
    import clevercsv

    try:
        dialect = clevercsv.Sniffer().sniff(text[:20_000], delimiters=[given] if given else list(",;\t| :"))
        separator, quote = (dialect.delimiter or "", dialect.quotechar or "") if dialect is not None else ("", "")
    except clevercsv.Error:
        separator, quote = "", ""
    separator = given or separator
    quote = "'" if quote == "'" and may_quote else '"'
    if given or not separator:
        return separator, quote
    rows = _rows(lines, separator, quote, "")
    if separator in " :" or not _is_even(rows):  # blanks, colons and commas are also within dates and numbers
        split = {mark: _rows(lines, mark, quote, "") for mark in ";\t|,"}
        even = (mark for titles in (False, True) for mark in split if _is_even(split[mark], titles=titles))
        separator = next(even, separator)
        rows = _rows(lines, separator, quote, "")
    if separator in ",: " and len(rows) > 1 and len(rows[0][1]) == 1 and all(len(cells) == 2 for _, cells in rows[1:]):
        return "", quote  # a decimal comma, a time of day or a time after a date, in a single column
    return separator, quote


def _is_even(rows: list[tuple[int, list[str]]], *, titles: bool = False) -> bool:
    """Whether all rows have the same number of cells, more than one.

    titles: apart from the first rows, if these have a single cell.
    """
    counts = [len(cells) for _, cells in rows]
    start = next((row for row, count in enumerate(counts[:MOST_TITLES]) if count > 1), 0) if titles else 0
    return len(set(counts[start:])) == 1 and counts[start] > 1


def _rows(lines: Sequence[str], separator: str, quote: str, comment: str) -> list[tuple[int, list[str]]]:
    """The cells of each row that is not empty, with the number of its last line."""
    plain = ("\n" if comment and line.startswith(comment) else line for line in lines)
    if not separator:
        stripped = ((number, line.strip()) for number, line in enumerate(plain, start=1))
        return [(number, [line.strip(quote)]) for number, line in stripped if line]
    if separator == " ":
        plain = (f"{' '.join(line.split())}\n" for line in plain)
    reader = csv.reader(plain, delimiter=separator, quotechar=quote, skipinitialspace=True)
    rows = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((reader.line_num, [cell.strip() for cell in cells]))
    except csv.Error:  # a cell of more than 128 KiB: a quotation mark is missing, which the reader of all rows reports
        pass
    return rows


def _laid_out(head: _Head, data: DataSpec) -> Dialect:
    """The names of the columns and the first row of data."""
    rows, top = head.rows, head.top
    width = _width([cells for _, cells in rows])
    start = _header_row(rows, width) if data.skip is None else 0
    number, header = rows[start]
    body = [cells for _, cells in rows[start + 1 :]]
    shapes = [_shapes(body[:SOME], column) for column in range(width)]
    if len(header) == width - 1 and (head.separator != "," or not shapes[0]):  # the names of rows have no name
        header = ["", *header]
    notes = []
    above = number - 1 - sum(cell.count("\n") for cell in header) if start else 0  # lines above the header
    if start:
        titles = _lines(top + 1, top + above).capitalize()
        notes.append(f"{titles} above the header, {_shown(rows[0][1], head.separator)}, left out.")
    if body and not _is_header(header, shapes):
        notes.append(f"The file has no header line; its columns are called column 1 to column {width}.")
        return _dialect(head, data, _names([], width, notes), start, above, notes)
    _refuse_longer_rows(head, start, width, len(header))
    others = 0
    while others < min(MOST_HEADERS, len(body) - 1) and _is_header(body[others], shapes, below=True):
        others += 1
    last = rows[start + others][0]
    if others:
        shown = "; ".join(_shown(cells, head.separator) for cells in body[:others])
        notes.append(f"Below the header, {_lines(top + number + 1, top + last)} of text: {shown}.")
    dialect = _dialect(head, data, _names(header, width, notes), start + others + 1, last, notes)
    return replace(dialect, other_names=tuple(map(tuple, body[:others])), header=head.lines[top + number - 1].strip())


def _dialect(head: _Head, data: DataSpec, names: tuple[str, ...], row: int, lines: int, notes: list[str]) -> Dialect:
    """The dialect of a text whose data begins with a row, below so many lines from the top."""
    first, comment = head.top + lines, head.comment
    return Dialect(
        separator=head.separator,
        quote=head.quote,
        first=first,
        names=names,
        comment=comment,
        has_comments=bool(data.comment)
        or (comment != "" and any(line.startswith(comment) for line in head.lines[first:])),
        rows=tuple(tuple(cells) for _, cells in head.rows[row:]),
        notes=tuple(notes),
    )


def _header_row(rows: list[tuple[int, list[str]]], width: int) -> int:
    """The first row that is no title: a title has fewer cells than the rows below."""
    filled = [sum(map(bool, cells)) for _, cells in rows[:MOST_TITLES]]
    start = next((row for row, count in enumerate(filled) if count > 1 or width == 1), 0)
    if len(rows[start][1]) >= width - 1:
        return start
    return next((row for row, (_, cells) in enumerate(rows[:MOST_TITLES]) if len(cells) >= width), start)


def _refuse_longer_rows(head: _Head, start: int, width: int, names: int) -> None:
    """Raise DataError if rows have more cells than the header, other than an empty cell at their end."""
    longer = [(line, cells) for line, cells in head.rows[start + 1 :] if len(cells) == width > names]
    if any(cells[-1] for _, cells in longer):
        raise DataError(
            f"{head.path} has {width} cells in line {head.top + longer[0][0]} and {names} in its header, line "
            f"{head.top + head.rows[start][0]}: give each column a name, and write no comma inside a number."
        )


def _lines(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first} {'and' if last == first + 1 else 'to'} {last}"


def _shown(cells: Sequence[str], separator: str) -> str:
    return repr(" ".join(separator.join(cells).split())[:60])


def _width(rows: list[list[str]]) -> int:
    """The most common number of cells of a row; of equally common numbers the larger."""
    counts = Counter(len(cells) for cells in rows)
    return max(counts, key=lambda width: (counts[width], width))


def _shape(cell: str) -> str:
    """A cell with 0 for each group of digits: cells of one kind have few shapes."""
    return re.sub(r"\d+", "0", re.sub(r"(?<=\d)[eE][+-]?(?=\d)", "", cell.lstrip("+-−")))


def _shapes(rows: list[list[str]], column: int) -> set[str]:
    """The shapes of a column whose cells are mostly numbers or time stamps; empty for text."""
    cells = [cells[column] for cells in rows if len(cells) > column and cells[column]]
    digits = [cell for cell in cells if re.search(r"\d", cell)]
    return set(map(_shape, digits)) if len(digits) > 0.5 * len(cells) else set()


def _is_header(cells: Sequence[str], shapes: Sequence[set[str]], *, below: bool = False) -> bool:
    """Whether cells are names rather than values. below: a further line of the header, without any digit."""
    pairs = [(cell, shape) for cell, shape in zip(cells, shapes, strict=False) if shape]
    if below:
        return bool(pairs) and not any(re.search(r"\d", cell) for cell, _ in pairs) and any(cell for cell, _ in pairs)
    if any(_shape(cell) in shape and _shape(cell).count("0") > 1 for cell, shape in pairs):
        return False
    return not pairs or any(_is_name(cell, shape) for cell, shape in pairs)


def _is_name(cell: str, shapes: set[str]) -> bool:
    """A text, unlike the values of its column: without digits, or with letters where the values have none."""
    if not cell or cell.casefold() in MISSING:
        return False
    return not re.search(r"\d", cell) or (
        re.search(r"[^\W\d]", cell) is not None and not re.search(r"[^\W\d]", "".join(shapes))
    )


def _names(header: Sequence[str], width: int, notes: list[str]) -> tuple[str, ...]:
    """A name for each column: unnamed and repeated columns get a number."""
    names: list[str] = []
    for number in range(max(width, len(header))):
        name = " ".join(header[number].split()) if number < len(header) else ""
        name = name or f"column {number + 1}"
        if name in names:
            other = next(f"{name} ({count})" for count in range(2, 10_000) if f"{name} ({count})" not in names)
            notes.append(f"The file has two columns {name!r}; the later is called {other!r}.")
            name = other
        names.append(name)
    return tuple(names)
