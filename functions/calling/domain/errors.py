"""The error tree. A code says what went wrong, a field where; nothing here knows of HTTP.

RedialError
├── InvalidRequest       the caller's input is wrong (codes of the contract: missing_field, invalid_field, …)
│   └── UnreadableList   an uploaded list of which no row can be read; says why, and what to do
├── NotAuthenticated     the key is unknown, wrong or incomplete
├── NotPermitted         the key is right, the thing belongs to somebody else or needs another scope
├── NotFound             no such thing in this account
├── Conflict             the thing's state forbids it now
├── RateLimited          too many requests; says when to come back
├── CarrierError         what the carrier (Twilio) answered to a request
│   ├── CarrierRefused   a 4xx: nothing was placed, asking again changes nothing
│   ├── CarrierThrottled 429 or a refused connection: nothing was placed, may be asked again
│   └── CarrierAmbiguous a timeout or 5xx: it may have been placed
├── ModelError           the language model gave no usable answer after its bounded retries
└── SpeechError          text could not be turned into audio
"""

from typing import ClassVar


class RedialError(Exception):
    """Something this product can name: `code` for programs, `message` for people, `details` for both."""

    default_code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, code: str | None = None, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.details = details


class InvalidRequest(RedialError):
    """The caller's input is wrong; `details["field"]` names where."""

    default_code = "invalid_field"


class UnreadableList(InvalidRequest):
    """No row of an uploaded list can be read: it is another kind of file, or its columns are not named."""

    def __init__(self, message: str) -> None:
        super().__init__(message, field="recipients_upload_id")


class NotAuthenticated(RedialError):
    """The key is missing, unknown or its secret is wrong."""

    default_code = "invalid_api_key"


class NotPermitted(RedialError):
    """The key is right but may not do this."""

    default_code = "scope_required"


class NotFound(RedialError):
    """No such thing in this account. Another tenant's thing looks the same."""

    default_code = "not_found"


class Conflict(RedialError):
    """The thing's state forbids it now."""

    default_code = "conflict"


class RateLimited(RedialError):
    """Too many requests; `details["retry_after"]` is in seconds."""

    default_code = "rate_limit_exceeded"


class CarrierError(RedialError):
    """The carrier did not do what was asked. `twilio_code` is its own code where it gave one."""

    default_code = "outbound_failed"

    def __init__(self, message: str, *, twilio_code: int | None = None, http_status: int | None = None) -> None:
        super().__init__(message, twilio_error=twilio_code)
        self.twilio_code = twilio_code
        self.http_status = http_status


class CarrierRefused(CarrierError):
    """Nothing was placed and asking again changes nothing."""


class CarrierThrottled(CarrierError):
    """Nothing was placed; the same request may be made again later."""

    retryable = True


class CarrierAmbiguous(CarrierError):
    """The request may have been carried out. It must never be repeated blindly."""


class ModelError(RedialError):
    """The language model gave no usable answer."""

    default_code = "model_failed"
    retryable = True


class SpeechError(RedialError):
    """Text could not be turned into audio."""

    default_code = "speech_failed"
    retryable = True
