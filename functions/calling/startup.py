"""What a Lambda makes while it starts: Lambda gives INIT a whole CPU, an invocation at 512 MB less than a third of one.

Everywhere else, in tests and on a laptop, it is made at its first use. Clients ask nobody while they are made; only
those who speak to Claude by key read it from Secrets Manager. Where that fails the start fails, and with it that one
invocation: Lambda starts the function anew for the next.
"""

from collections.abc import Callable
from functools import cache
from typing import TypeVar

from calling.settings import LambdaSettings, load

T = TypeVar("T")


def at_start(make: Callable[[], T]) -> Callable[[], T]:
    """Make a thing once: on Lambda here and now, while the handler's module is imported."""
    made = cache(make)
    if load(LambdaSettings).starts:
        made()
    return made
