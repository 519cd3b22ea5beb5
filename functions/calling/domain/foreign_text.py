"""Text of others: variables out of lists, facts, summaries, what was said on a call. It is no instruction of anybody's.

`record` is the one way of such text into a prompt. Nothing that went through it begins a line of its own, so it can
open neither a section nor a rule. What its words ask for is answered by the prompt's own rule on records.
"""

import re
import unicodedata

_JOINERS = "\u200c\u200d"  # invisible, but some scripts and emoji cannot be written without
_LEADING = re.compile(rf"(?:[\s{_JOINERS}]|[-*+#•‣\u2010-\u2015]+(?:\s+|$))+")  # marks of an item or a heading


def one_line(text: str) -> str:
    """Put text on one line, without marks of a list, invisible characters or runs of blanks; also to be spoken."""
    visible = text if text.isprintable() else "".join(_visible(character) for character in text)
    line = " ".join(visible.split())
    leading = _LEADING.match(line)
    return line[leading.end() :] if leading else line


def record(text: str, limit: int) -> str:
    """Write text of others into a prompt: one line, at most `limit` characters of it, no markup of the prompt's."""
    line = one_line(text)
    cut = line if len(line) <= limit else f"{line[: limit - 1]}…"
    return cut.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _visible(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in ("Cc", "Cf") and character not in _JOINERS else character
