"""Placeholders in texts of the operator's, `{first name}` or `{{First_Name}}`, and the values they are filled with.

A value is found by its name whatever the case, spaces and underscores: headers of lists are written in many ways.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from calling.domain.foreign_text import one_line

_PLACEHOLDER = re.compile(r"(?<!\{)(\{+)([^{}]{0,128}+)\}+")  # as long as the name of a variable may be
_CODE = re.compile(r"[\"“”:;=\n]")  # in single braces: JSON in an instruction, no name
_GAP = "\0"  # stands where nothing is left, until the text around it is closed
_CLOSED = re.compile(  # with what follows it where a line begins so, else with the blanks before it
    rf"(?m)^[ \t]*{_GAP}[ \t,;:.!?{_GAP}]*|(?<![ \t])[ \t]*+{_GAP}(?=[\s,;:.!?){_GAP}]|$)|{_GAP}"
)


class Filled(NamedTuple):
    """A text, the names in it that have no value, and what it was filled with."""

    text: str
    missing: tuple[str, ...]
    used: dict[str, str]


def fill(
    template: str, variables: Mapping[str, str], *, write: Callable[[str], str] = one_line, code: bool = False
) -> Filled:
    """Put variables into `{name}` and `{{name}}`, each value as `write` writes it.

    What has no value, or a blank one, is left out with the blanks around it, never read aloud. With `code` text in
    single braces that can be no name stays as it is.
    """
    values = {_key(name): value for name, value in reversed(list(variables.items())) if one_line(value)}
    missing, used = dict[str, str](), dict[str, str]()

    def value(match: re.Match[str]) -> str:
        name, key = one_line(match[2]), _key(match[2])
        exact = variables.get(match[2], "")
        found = exact if one_line(exact) else values.get(key, "")
        if found:
            used.setdefault(name, found)
            return write(found)
        if code and len(match[1]) == 1 and (_CODE.search(match[2]) or not name):
            return match[0]
        if name:
            missing.setdefault(key, name)
        return _GAP

    text = _PLACEHOLDER.sub(value, template.replace(_GAP, ""))
    return Filled(_CLOSED.sub("", text) if _GAP in text else text, tuple(missing.values()), used)


def with_defaults(variables: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
    """Put a recipient's variables before their campaign's, whatever way a name is written; a blank one is none."""
    own = {name: value for name, value in variables.items() if one_line(value)}
    known = {_key(name) for name in own}
    return {name: value for name, value in defaults.items() if _key(name) not in known} | own


def lacking(names: tuple[str, ...], *variables: Mapping[str, str]) -> tuple[str, ...]:
    """Give those of the names, each once, that none of the variables has a value for."""
    if not names:
        return ()
    known = {_key(name) for some in variables for name, value in some.items() if one_line(value)}
    asked = dict[str, str]()
    for name in names:
        asked.setdefault(_key(name), name)
    return tuple(name for key, name in asked.items() if key not in known)


@lru_cache(maxsize=4_096)
def _key(name: str) -> str:
    return re.sub(r"[\s_]+", "", unicodedata.normalize("NFKC", one_line(name))).casefold()
