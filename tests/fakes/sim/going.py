"""How executions go on: the words that state machines and their effects share."""

from collections.abc import Callable
from typing import Any, Protocol


class TaskError(Exception):
    """A task failed; `name` is the error that Retry and Catch compare."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Resume(Protocol):
    """How an execution goes on: with a value, or with an error."""

    def __call__(self, value: Any = None, error: TaskError | None = None) -> None: ...


Effect = Callable[[Resume], object]
