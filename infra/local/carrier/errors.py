"""What the REST API refuses with: Twilio's codes and the shape of its error bodies."""

from __future__ import annotations

from http import HTTPStatus


class TwilioError(Exception):
    """An answer other than success; `code` is one of Twilio's error codes."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def body(self) -> dict[str, object]:
        """The JSON body Twilio sends."""
        return {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }


def bad_request(code: int, message: str) -> TwilioError:
    """A 400."""
    return TwilioError(HTTPStatus.BAD_REQUEST, code, message)


def not_found(path: str) -> TwilioError:
    """The 404 of a resource that is not there."""
    return TwilioError(HTTPStatus.NOT_FOUND, 20404, f"The requested resource {path} was not found")


def not_authenticated() -> TwilioError:
    """The 401 of wrong or missing credentials."""
    return TwilioError(HTTPStatus.UNAUTHORIZED, 20003, "Authenticate")


def invalid_state(message: str) -> TwilioError:
    """A call that is not where the request needs it."""
    return bad_request(21220, message)
