"""What calls to a number come to: written down beforehand by tests."""

from dataclasses import dataclass

from calling.domain.call import CarrierStatus

S = CarrierStatus
STOP = "Please stop calling me. Take me off your list."


@dataclass(frozen=True, slots=True)
class Life:
    """What one call to a number comes to: it rings, and then is answered or ends."""

    end: CarrierStatus = S.COMPLETED
    rings: float = 3.0
    talks: float = 10.0
    sip: int | None = None
    machine: bool = False
    refused: int | None = None  # the request itself is refused with this Twilio code
    error: int | None = None  # Twilio's code of a call it accepts and then fails
    says: str = "Hello?"
    stored_after: float = 0.0  # seconds after it was said, be the call over by then; the media session ends after it

    @property
    def outcome(self) -> str:
        """What the campaign should make of it, in the words of `retry_on`."""
        if self.refused is not None:
            return "failed"
        if self.end is S.COMPLETED:
            return "voicemail" if self.machine else "completed"
        return self.end.value


def human(talks: float = 10.0, rings: float = 3.0, says: str = "Hello?") -> Life:
    return Life(rings=rings, talks=talks, says=says)


def opts_out(talks: float = 10.0, stored_after: float = 0.0) -> Life:
    return Life(talks=talks, says=STOP, stored_after=stored_after)


def busy() -> Life:
    return Life(S.BUSY, rings=1.0, sip=486)


def no_answer() -> Life:
    return Life(S.NO_ANSWER, rings=1_000.0)


def voicemail() -> Life:
    return Life(machine=True, talks=30.0, says="Please leave a message after the tone.")


def failed(sip: int = 503) -> Life:
    return Life(S.FAILED, rings=1.0, sip=sip)


def refused(code: int) -> Life:
    return Life(S.FAILED, refused=code)
