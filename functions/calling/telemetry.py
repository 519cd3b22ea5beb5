"""What this house says of itself: JSON logs with the call's ids on every line, traces, metrics.

Nothing here logs an event's body, and whatever looks like a phone number is masked on its way out. The tracer is
imported on Lambda only, while it starts: it costs a quarter of a CPU second.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from calling.domain.phone_number import mask
from calling.settings import LambdaSettings, TraceSettings, load

if TYPE_CHECKING:
    from aws_lambda_powertools.metrics import Metrics

T = TypeVar("T")
Handler = Callable[[dict[str, Any], Any], T]
NAMESPACE = "Redial"
_NUMBER = re.compile(r"\+[1-9]\d{6,14}(?!\d)")


def masked(text: str) -> str:
    """Mask every E.164 number in a text."""
    return _NUMBER.sub(lambda match: mask(match.group()), text)


class _Formatter(LambdaPowertoolsFormatter):
    def serialize(self, log: Any) -> str:  # noqa: ANN401  Powertools' own dictionary
        """Write a line; masked as a whole, so that neither extras nor tracebacks slip through."""
        return masked(super().serialize(log))


def logger(service: str) -> Logger:
    """Make a door's logger. Level by POWERTOOLS_LOG_LEVEL, INFO otherwise."""
    return Logger(service=service, logger_formatter=_Formatter())


@contextmanager
def call_keys(log: Logger, account_id: str, call_id: str) -> Iterator[None]:
    """Put a call's ids on every line written inside."""
    with log.append_context_keys(account_id=account_id, call_id=call_id):
        yield


def traced(handler: Handler[T]) -> Handler[T]:
    """Trace a Lambda's handler with X-Ray: times and calls of AWS, no events, answers or error texts."""
    if not load(LambdaSettings).starts or load(TraceSettings).powertools_trace_disabled:
        return handler
    from aws_lambda_powertools import Tracer  # noqa: PLC0415  see the module's docstring

    tracer = Tracer(patch_modules=["botocore"])  # all it knows would be hundreds of modules more
    wrapped: Handler[T] = tracer.capture_lambda_handler(handler, capture_response=False, capture_error=False)
    return wrapped


def metrics(service: str) -> "Metrics":
    """Make a door's metrics, written as embedded metric format into the log."""
    from aws_lambda_powertools.metrics import Metrics  # noqa: PLC0415  only doors that count need it

    return Metrics(namespace=NAMESPACE, service=service)
