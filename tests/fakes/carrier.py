"""A telephone company without telephones: scriptable answers, and a book of what it was asked."""

from collections.abc import Iterator
from dataclasses import replace

from calling.domain.call import CarrierStatus
from calling.domain.errors import CarrierError, CarrierRefused
from calling.domain.phone_number import PhoneNumber
from calling.domain.routing import Routing
from calling.ports import CarrierAccount, CarrierCall, CarrierLine, DialRequest


class FakeCarrier:
    """Records posts in `posts`; `script` holds what the next dials do.

    A script entry is an error to raise (nothing placed), or `("accepted", error)`: the call is placed and the error
    raised all the same, as when an answer is lost. Without an entry a dial succeeds.
    """

    def __init__(self, now_ms: int = 1_795_260_000_000) -> None:
        self.now_ms = now_ms
        self.posts: list[tuple[CarrierAccount, DialRequest]] = []
        self.script: list[CarrierError | tuple[str, CarrierError]] = []
        self.calls: dict[str, CarrierCall] = {}
        self.hung_up: list[str] = []
        self.routings: dict[str, Routing] = {}  # by number
        self.owned: set[str] = set()
        self.verified: set[str] = set()  # caller ids
        self.voiceless: set[str] = set()  # of the owned
        self.error: CarrierError | None = None  # raised by everything but dial
        self.route_error: CarrierError | None = None  # raised by route alone
        self.hidden: set[str] = set()  # SIDs that lists do not show yet
        self.token = "token"  # the right one, for line

    def dial(self, account: CarrierAccount, request: DialRequest) -> CarrierCall:
        self.posts.append((account, request))
        step = self.script.pop(0) if self.script else None
        if isinstance(step, CarrierError):
            raise step
        call = self.place(request.from_number, request.to_number)
        if step is not None:
            raise step[1]
        return call

    def place(self, from_number: PhoneNumber, to_number: PhoneNumber, *, created_at: int | None = None) -> CarrierCall:
        """Put a call into the carrier's book."""
        call = CarrierCall(
            sid=f"CA{len(self.calls) + 1:032x}",
            status=CarrierStatus.QUEUED,
            to_number=to_number.e164,
            from_number=from_number.e164,
            created_at=(self.now_ms if created_at is None else created_at) // 1000 * 1000,
        )
        self.calls[call.sid] = call
        return call

    def set(self, sid: str, status: CarrierStatus, **fields: object) -> CarrierCall:
        """Move a call along."""
        self.calls[sid] = replace(self.calls[sid], status=status, **fields)  # type: ignore[arg-type]  # any field
        return self.calls[sid]

    def fetch(self, account: CarrierAccount, sid: str) -> CarrierCall | None:
        self._fail()
        return self.calls.get(sid)

    def find(
        self, account: CarrierAccount, *, to_number: PhoneNumber, from_number: PhoneNumber, created_after: int
    ) -> tuple[CarrierCall, ...]:
        self._fail()
        found = [
            c
            for c in self.calls.values()
            if c.sid not in self.hidden
            and (c.to_number, c.from_number) == (to_number.e164, from_number.e164)
            and c.created_at + 1000 > created_after
        ]
        return tuple(sorted(found, key=lambda c: c.created_at))

    def started_since(self, account: CarrierAccount, since: int) -> Iterator[CarrierCall]:
        self._fail()
        day = since // 86_400_000 * 86_400_000
        found = [c for c in self.calls.values() if c.created_at >= day and c.sid not in self.hidden]
        yield from sorted(found, key=lambda c: (c.created_at, c.sid), reverse=True)

    def hang_up(self, account: CarrierAccount, sid: str, *, answered: bool) -> None:
        self._fail()
        self.hung_up.append(sid)
        call = self.calls.get(sid)
        if call is None or call.status.is_terminal:
            return
        ringing = call.status.rank < CarrierStatus.IN_PROGRESS.rank
        self.set(sid, CarrierStatus.CANCELED if ringing else CarrierStatus.COMPLETED, ended_at=self.now_ms)

    def line(self, account: CarrierAccount, number: PhoneNumber) -> CarrierLine | None:
        self._fail()
        if account.auth_token != self.token:
            raise CarrierRefused("Authenticate", twilio_code=20003, http_status=401)
        e164 = number.e164
        if e164 in self.owned:
            routing = self.routings.get(e164, Routing())
            return CarrierLine(f"PN{e164}", e164 not in self.voiceless, routing)
        return CarrierLine(f"PN{e164}", voice=True, routing=None) if e164 in self.verified else None

    def route(self, account: CarrierAccount, line: CarrierLine, routing: Routing) -> None:
        if self.route_error is not None:
            raise self.route_error
        self.routings[line.sid.removeprefix("PN")] = routing

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error
