"""A CSV list's header: what stands between the columns, and what each of them means. Pure.

People name columns as they like: case, spaces, accents and punctuation do not matter, and a phone has many names.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from calling.domain.errors import UnreadableList
from calling.domain.list_records import Lines, Record, record_at

DELIMITERS = (",", ";", "\t", "|")
_BLANK = "".join(DELIMITERS) + ' "\ufeff\N{NO-BREAK SPACE}'
_SEP = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # Excel's own line about what separates
_NUMBERLIKE = re.compile(r"""[='"(]*\+?[(]?[0-9][0-9\s().\-/]{5,}["']*""")

_WORDS = ("phone", "telephone", "tel", "mobile", "mobilephone", "cell", "cellphone", "contact", "contactphone")
_PHONES = frozenset(
    {word + end for word in _WORDS for end in ("number", "no", "nr", "num")}
    | set(_WORDS) - {"contact"}
    | {"tonumber", "recipientphone", "recipientphonenumber", "customerphone", "customerphonenumber", "leadphone"}
    | {"primaryphone", "mainphone", "homephone", "workphone", "businessphone", "homenumber", "worknumber"}
    | {
        "phone1",
        "phone1value",
        "msisdn",
        "e164",
        "phonee164",
        "handphone",
        "handset",
        "whatsapp",
        "whatsappnumber",
        "callernumber",
    }
    # German, French, Spanish and Portuguese, Italian, Dutch, Polish
    | {"telefon", "telefonnummer", "telefonnr", "rufnummer", "handy", "handynummer", "mobil", "mobilnummer"}
    | {"mobiltelefon", "numerodetelephone", "portable", "telephoneportable", "telefono", "numerodetelefono"}
    | {"celular", "movil", "telefone", "telemovel", "numerodetelefone", "cellulare", "numeroditelefono"}
    | {"telefoon", "telefoonnummer", "mobiel", "mobielnummer", "numertelefonu", "komorka"}
)
_PERHAPS = frozenset({"number", "to", "contact", "nummer", "numero"})  # a phone's, where nothing else is
_MEANINGS = {
    "prompt": "prompt",
    "promptoverride": "prompt",
    "notafter": "not_after",
    "timezone": "timezone",
    "metadata": "metadata",
}


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a list: the phone's, those that mean the same as in a request, and the variables' names."""

    delimiter: str
    columns: int
    phone: int
    meanings: Mapping[int, str]
    variables: Mapping[int, str]


def is_blank(line: str) -> bool:
    """True for a line without anything on it: spreadsheets leave lines of delimiters behind."""
    return not line or line.isspace() or not line.strip(_BLANK)


def read_header(lines: Lines, phone_column: str | None) -> Header | None:
    """Take the lines down to the header and read it; None where there is no line at all.

    Raises:
        UnreadableList: the first line names no columns, or none for the phone, or two; in words.
    """
    delimiters: Sequence[str] = DELIMITERS
    while (line := lines.peek()) is not None:
        said = _SEP.fullmatch(line.strip(" \ufeff")) or _SEP.fullmatch(line.strip(" ,;\t\ufeff"))
        if said is not None:
            delimiters = (said[1],)
        elif not is_blank(line):
            break
        lines.take()
    else:
        return None
    delimiter, record = _likeliest(lines, delimiters, phone_column)
    lines.take(record.lines)
    names = [" ".join(name.replace("\ufeff", "").split()) for name in record.cells]
    phone = _phone(names, phone_column)
    meanings = {n: _MEANINGS[plain(name)] for n, name in enumerate(names) if n != phone and plain(name) in _MEANINGS}
    variables = {n: name for n, name in enumerate(names) if name and n != phone and n not in meanings}
    for named in (meanings, variables):
        _require_once(named.values())
    return Header(delimiter, len(names), phone, meanings, variables)


def plain(name: str) -> str:
    """Write a column's name without case, accents, spaces and punctuation."""
    letters = unicodedata.normalize("NFKD", name).casefold()
    return "".join(letter for letter in letters if letter.isalnum())


def _likeliest(lines: Lines, delimiters: Sequence[str], phone_column: str | None) -> tuple[str, Record]:
    """Choose the delimiter under which a column is a phone's; else the one with the most columns."""
    read = [(delimiter, record_at(lines, delimiter)) for delimiter in delimiters]
    whole = [(delimiter, record) for delimiter, record in read if record.problem is None]
    if not whole:
        raise UnreadableList(f"The list's columns are not named: {read[0][1].problem}")
    return max(whole, key=lambda it: (bool(_phones(it[1].cells, phone_column)), len(it[1].cells)))


def _phones(names: Sequence[str], phone_column: str | None) -> list[int]:
    if phone_column is not None:
        exact = [n for n, name in enumerate(names) if name.strip() == phone_column.strip()]
        return exact or [n for n, name in enumerate(names) if plain(name) == plain(phone_column)]
    sure = [n for n, name in enumerate(names) if plain(name) in _PHONES]
    return sure or [n for n, name in enumerate(names) if plain(name) in _PERHAPS]


def _phone(names: Sequence[str], phone_column: str | None) -> int:
    found = _phones(names, phone_column)
    if len(found) == 1:
        return found[0]
    if found:
        shown = " and ".join(_quoted(names[n]) for n in found)
        raise UnreadableList(f"{len(found)} columns may be the phone's, {shown}: name one in phone_column.")
    if any(_NUMBERLIKE.fullmatch(name) for name in names):
        raise UnreadableList(
            "The list's first line holds a number, not the columns' names: put a line above it, like phone,name."
        )
    shown = ", ".join(_quoted(name) for name in names[:20] if name)
    if phone_column is not None:
        raise UnreadableList(f"No column of the list is called {_quoted(phone_column)}: its first line names {shown}.")
    raise UnreadableList(
        f"No column of the list is known as a phone's: its first line names {shown}. Call one phone, or name it in "
        "phone_column."
    )


def _require_once(names: Iterable[str]) -> None:
    seen = set[str]()
    for name in names:
        if name in seen:
            raise UnreadableList(f"Two columns are called {_quoted(name)}: rename one, or take it out.")
        seen.add(name)


def _quoted(name: str) -> str:
    return f"'{name[:64]}'"
