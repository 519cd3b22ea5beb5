"""The text of an uploaded list: its encoding, settled over the whole of it, and its lines in bounded memory. Pure."""

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain

from calling.domain.errors import UnreadableList

LONGEST_LINE = 256 * 1024  # characters; a longer one is no row
TOO_LONG = "\0"  # stands for a line that was not kept; a NUL is no part of a row either
_HEAD = 4_096  # bytes that tell what kind of file it is
_LONGEST_RUN = 64 * 1024  # bytes above ASCII in a row: no text of Windows-1252 has so many

_NOT_TEXT = {  # how files begin that are no lists, and what to do about them
    b"PK\x03\x04": "This is a workbook (.xlsx, .ods) or another ZIP file: save its sheet as CSV UTF-8.",
    b"\xd0\xcf\x11\xe0": "This is an Excel workbook (.xls): save its sheet as CSV UTF-8.",
    b"\x1f\x8b": "This is a compressed file (gzip): upload the list itself.",
    b"%PDF": "This is a PDF file: save the list as CSV UTF-8.",
}
_MARKS = {  # longest first: UTF-32's mark begins with UTF-16's
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_UTF8_CHARACTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_LEADS = bytes(range(0xC2, 0xF5))
# UTF-8's first bytes of Western letters, typographic marks and emoji. In Windows-1252 they are Â, Ã, Ä, Å, â, ð, which
# no word has before a byte of 0x80 to 0xBF, a symbol; È», Éʼ or ß“ do occur in it.
_TELLING = b"\xc2\xc3\xc4\xc5\xe2\xf0"
_ABOVE_ASCII = re.compile(rb"[\x80-\xff]")
_LAST_RUN = re.compile(rb"[\x80-\xff]*\Z")
_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")  # in Windows-1252


def settle_encoding(chunks: Iterable[bytes]) -> str:
    """Say in which encoding a list is written: UTF-8, UTF-16 or UTF-32 by their marks and their form, or Windows-1252.

    All of it is looked at: of 100,000 names the last may be the first that is not ASCII.

    Raises:
        UnreadableList: it is no text, or of no one encoding; in words.
    """
    head, rest = _begin(chunks)
    for sign, words in _NOT_TEXT.items():
        if head.startswith(sign):
            raise UnreadableList(words)
    encoding = next((name for mark, name in _MARKS.items() if head.startswith(mark)), None) or _by_zeros(head)
    whole = chain((head,), rest)
    if encoding is None:
        return _utf8_or_windows(whole)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for chunk in whole:
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        raise UnreadableList(
            f"The list begins as {name} and goes on as something else: save it as CSV UTF-8."
        ) from error
    return encoding


def text_lines(chunks: Iterable[bytes], encoding: str) -> Iterator[str]:
    """Cut a list into lines without their ends, which may be LF, CR LF or CR; one that is too long is TOO_LONG.

    Never more than a line and a chunk are held.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    rest, held, too_long = "", "", False
    for chunk, last in chain(((chunk, False) for chunk in chunks), ((b"", True),)):
        text = held + decoder.decode(chunk, last)
        held = "\r" if text.endswith("\r") and not last else ""  # its LF may come with the next chunk
        text = text.removesuffix("\r") if held else text
        *whole, begun = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line in whole:
            line = rest + line if rest else line  # noqa: PLW2901  the line goes on from the chunk before
            yield TOO_LONG if too_long or len(line) > LONGEST_LINE else line
            rest, too_long = "", False
        rest += begun
        if too_long or len(rest) > LONGEST_LINE:
            rest, too_long = "", True
    if rest or too_long:
        yield TOO_LONG if too_long else rest


def _begin(chunks: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    head, rest = b"", iter(chunks)
    for chunk in rest:
        head += chunk
        if len(head) >= _HEAD:
            break
    return head, rest


def _by_zeros(head: bytes) -> str | None:
    """UTF-16 without a mark has a zero in every other byte of a header's letters."""
    start = head[:_HEAD]
    even, odd = start[::2].count(0), start[1::2].count(0)
    if 3 * (even + odd) < len(start):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _utf8_or_windows(chunks: Iterable[bytes]) -> str:
    chunks, decoder = iter(chunks), codecs.getincrementaldecoder("utf-8")()
    characters = telling = line = 0
    for chunk in chain(chunks, (b"",)):
        held = decoder.getstate()[0]
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            line += (held + chunk)[: error.start].count(b"\n") + 1
            characters -= held[:1] > b""  # begun and never finished
            telling -= bool(held) and held[0] in _TELLING
            _require_windows(chain((held + chunk,), chunks), characters, telling, line)
            return "cp1252"
        line += chunk.count(b"\n")
        characters += len(chunk) - len(chunk.translate(None, _LEADS))
        telling += len(chunk) - len(chunk.translate(None, _TELLING))
    return "utf-8"


def _require_windows(chunks: Iterable[bytes], characters: int, telling: int, line: int) -> None:
    """Refuse what is partly UTF-8 and partly not: read as Windows-1252, a half of it would be read wrong."""
    strays, rest = 0, b""
    for chunk in chain(chunks, (None,)):
        text = rest + (chunk or b"")
        run = _LAST_RUN.search(text)
        cut = len(text) if chunk is None or run is None else run.start()
        text, rest = text[:cut], text[cut:]
        if len(rest) > _LONGEST_RUN:
            raise UnreadableList("This is not a text file: save the list as CSV UTF-8.")
        found = _UTF8_CHARACTER.findall(text)
        characters += len(found)
        telling += sum(character[0] in _TELLING for character in found)
        alone = b"".join(_ABOVE_ASCII.findall(_UTF8_CHARACTER.sub(b"", text)))
        strays += len(alone)
        if _UNDEFINED.search(alone):
            raise UnreadableList(f"Line {line} is neither UTF-8 nor Windows-1252: save the list as CSV UTF-8.")
    if telling or characters > strays:
        raise UnreadableList(f"The list is UTF-8 in part only, line {line} is not: save all of it as CSV UTF-8.")
