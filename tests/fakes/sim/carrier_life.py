"""The telephone company and the people it rings, in virtual time: what each number does is written down beforehand.

It fulfils the port `Carrier`, keeps the book of requests, tells by callbacks, and enforces its own limits of ringing
and of talking. It tells times in whole seconds, and shows a call as it was a moment ago. The media stream of an
answered call is part of it: it comes up, gives signs of life, ends, or dies.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from calling.domain.call import CarrierStatus
from calling.domain.carrier_codes import Fault, fault
from calling.domain.errors import CarrierAmbiguous, CarrierError, CarrierRefused, CarrierThrottled
from calling.domain.phone_number import PhoneNumber
from calling.domain.progress import CarrierFact
from calling.domain.routing import Routing
from calling.ports import CarrierAccount, CarrierCall, CarrierLine, DialRequest
from tests.fakes.sim.agenda import Agenda
from tests.fakes.sim.faults import Faults
from tests.fakes.sim.lives import Life, human

S = CarrierStatus
RING_BUFFER = 5  # seconds the carrier adds to the ring timeout
ALIVE_SECONDS = 10
AMD_SECONDS = 2.0
TRY_AGAIN = 2  # more deliveries of a callback that was answered badly


@dataclass(frozen=True, slots=True)
class Post:
    """One request to place a call. `sid` None: nothing was placed."""

    at: int
    account: str
    call_id: str
    from_number: str
    to_number: str
    sid: str | None
    answer: str


class Told(Protocol):
    """Who hears of calls: the callbacks' Lambda, the media session, and the law that watches."""

    def on_post(self, post: Post) -> None: ...
    def on_end(self, sid: str) -> None: ...
    def call_comes_in(self, sid: str, person: str, answered: Callable[[bool], None]) -> str: ...
    def on_said(self, sid: str, words: str) -> None: ...
    def callback(self, call_id: str, fact: CarrierFact, failed: Callable[[], None]) -> None: ...
    def verdict(self, call_id: str, sid: str, answered_by: str, failed: Callable[[], None]) -> None: ...
    def stream_opens(self, call_id: str, sid: str) -> bool: ...
    def stream_lives(self, call_id: str) -> None: ...
    def stream_hears(self, call_id: str, words: str) -> None: ...
    def stream_finds_machine(self, call_id: str) -> None: ...
    def stream_closes(self, call_id: str, *, machine: bool) -> None: ...


@dataclass(slots=True)
class _Live:
    call: CarrierCall
    life: Life
    owner: str
    request: DialRequest | None  # None: it came in
    began_at: int = 0
    answered_at: int | None = None
    stream: bool = False
    stored_at: int = 0  # when what was said is stored, if not at once
    used_up: bool = False  # its life was one of several, and is not there any more
    leaves_at: int = 0  # the carrier's own queue
    over_at: int | None = None
    was: list[tuple[int, CarrierCall]] = field(default_factory=list)  # until when it stood so

    def change(self, now: int, call: CarrierCall) -> None:
        self.was.append((now, self.call))
        self.call = call

    def as_of(self, moment: int) -> CarrierCall:
        return next((call for until, call in self.was if until > moment), self.call)

    @property
    def came_to(self) -> CarrierStatus:
        """What it was, whatever the carrier's last word says: `completed` may be that of the request to end it."""
        never_answered = self.call.status is S.COMPLETED and self.answered_at is None
        return S.CANCELED if never_answered else self.call.status

    @property
    def never_left(self) -> bool:
        """It was ended in the carrier's own queue: nobody's telephone rang."""
        return self.over_at is not None and self.over_at < self.leaves_at


class SimCarrier:
    """Fulfils Carrier."""

    def __init__(self, agenda: Agenda, faults: Faults, told: Told) -> None:
        self.agenda, self.faults, self.told = agenda, faults, told
        self.people: dict[str, list[Life]] = {}  # by number: the lives of its calls in turn, the last one for ever
        self.anybody: Life = human()
        self.posts: list[Post] = []
        self.calls: dict[str, _Live] = {}
        self.live: dict[str, None] = {}  # SIDs that are not over, in the order they began
        self.came_in: dict[str, str] = {}  # SIDs of calls to us that are not over, and who calls
        self.token = "token"  # the one it accepts
        self.concurrency = 0  # calls it lets live at once; above it 10004. 0: any number
        self.concurrency_late = False  # that it accepts what is too much, and fails it then
        self.others = 0  # calls that live there and are not ours: those that come in, and other programs'
        self.refuses: int | None = None  # this Twilio code, of every request before `refuses_until`
        self.refuses_until = 0
        self.pace = 0.0  # calls a second it dials by itself; what is above it queues. 0: any number
        self.free_at = 0  # when its own queue is empty
        self.keeps_calls = True  # False forgets calls that are over, for runs that measure memory
        self._made = 0

    # ---------------------------------------------------------------- the port

    def dial(self, account: CarrierAccount, request: DialRequest) -> CarrierCall:
        life = self._life(request.to_number.e164)
        answer = self.faults.create_call()
        code = self.refuses if self.agenda.now_ms < self.refuses_until else life.refused
        code = code if account.auth_token == self.token else 20003
        one_too_many = self.concurrency > 0 and len(self.live) + self.others >= self.concurrency
        code = 10004 if code is None and one_too_many and not self.concurrency_late else code
        if code is not None:
            self._post(account, request, None, f"refused {code}")
            if fault(code) is Fault.PACE:
                raise CarrierThrottled("Too many.", twilio_code=code, http_status=429)
            raise CarrierRefused("Refused.", twilio_code=code, http_status=401 if code == 20003 else 400)
        if answer in ("http_429", "http_500"):
            self._post(account, request, None, answer)
            if answer == "http_429":
                raise CarrierThrottled("Too many requests.", twilio_code=20429, http_status=429)
            raise CarrierAmbiguous("The carrier failed.", http_status=500)
        life = replace(life, end=S.FAILED, rings=0.5, sip=None, error=10004) if one_too_many else life
        placed = self._place(request, life, used_up=not one_too_many and self._use(request.to_number.e164))
        self._post(account, request, placed.sid, answer)
        if answer != "ok":
            raise CarrierAmbiguous("The carrier's answer was lost.", http_status=500 if "500" in answer else None)
        return placed

    def fetch(self, account: CarrierAccount, sid: str) -> CarrierCall | None:
        self._fail()
        found = self.calls.get(sid)
        lag = 0 if self.faults.quiet else self.faults.fetch_lag_seconds
        return found.as_of(self.agenda.now_ms - round(lag * 1000)) if found else None

    def find(
        self, account: CarrierAccount, *, to_number: PhoneNumber, from_number: PhoneNumber, created_after: int
    ) -> tuple[CarrierCall, ...]:
        self._fail()
        shown = self.agenda.now_ms - (0 if self.faults.quiet else self.faults.lag_seconds * 1000)
        found = [live.call for live in self.calls.values() if live.call.to_number == to_number.e164]
        return tuple(
            c
            for c in found
            if c.from_number == from_number.e164 and created_after < c.created_at + 1000 and c.created_at <= shown
        )

    def started_since(self, account: CarrierAccount, since: int) -> Iterator[CarrierCall]:
        self._fail()
        yield from reversed([live.call for live in self.calls.values() if live.call.created_at >= since])

    def hang_up(self, account: CarrierAccount, sid: str, *, answered: bool) -> None:
        self._fail()
        live = self.calls.get(sid)
        if live is None:
            return
        if live.answered_at is not None or self.faults.happens("completed unanswered", self.faults.ends_as_completed):
            self._end(sid, S.COMPLETED)  # `canceled` has left it alone, or is called so
        else:
            self._end(sid, S.CANCELED)

    def line(self, account: CarrierAccount, number: PhoneNumber) -> CarrierLine | None:
        return CarrierLine("PN1", voice=True, routing=Routing())

    def route(self, account: CarrierAccount, line: CarrierLine, routing: Routing) -> None:
        pass

    def _fail(self) -> None:
        if self.faults.happens("carrier does not answer", self.faults.ask_fails):
            raise CarrierError("The carrier did not answer.", http_status=503)

    # ---------------------------------------------------------------- calls

    def _life(self, number: str) -> Life:
        lives = self.people.get(number)
        return lives[0] if lives else self.anybody

    def _use(self, number: str) -> bool:
        lives = self.people.get(number)
        if lives and len(lives) > 1:
            lives.pop(0)
            return True
        return False

    def _post(self, account: CarrierAccount, request: DialRequest, sid: str | None, answer: str) -> None:
        numbers = request.from_number.e164, request.to_number.e164
        post = Post(self.agenda.now_ms, account.sid, _owner(request), *numbers, sid, answer)
        self.posts.append(post)
        self.told.on_post(post)

    def _place(self, request: DialRequest, life: Life, *, used_up: bool) -> CarrierCall:
        self._made += 1
        sid = f"CA{self._made:032x}"
        created = _second(self.agenda.now_ms)
        leaves = max(self.agenda.now_ms, self.free_at)
        queued = leaves - self.agenda.now_ms
        self.free_at = leaves + round(1000 / self.pace) if self.pace else leaves
        numbers = request.to_number.e164, request.from_number.e164
        call = CarrierCall(sid, S.QUEUED, *numbers, created, queue_time_ms=queued)
        self.calls[sid] = _Live(
            call, life, _owner(request), request, self.agenda.now_ms, used_up=used_up, leaves_at=leaves
        )
        self.live[sid] = None
        if life.error is None:
            self.agenda.after(queued / 1000 + min(0.2, life.rings / 2), lambda: self._step(sid, S.RINGING))
        longest = request.ring_seconds + RING_BUFFER
        if life.rings > longest:
            self.agenda.after(queued / 1000 + longest, lambda: self._end(sid, S.NO_ANSWER))
        elif life.end is S.COMPLETED:
            self.agenda.after(queued / 1000 + life.rings, lambda: self._answered(sid))
        else:
            self.agenda.after(queued / 1000 + life.rings, lambda: self._end(sid, life.end))
        return call

    def calls_us(self, person: str, our_number: PhoneNumber, life: Life) -> None:
        """Somebody dials one of our numbers: it rings until we say that it is answered, or turned away."""
        self._made += 1
        sid = f"CA{self._made:032x}"
        call = CarrierCall(sid, S.RINGING, our_number.e164, person, _second(self.agenda.now_ms))

        def answered(ours: bool) -> None:
            if ours:
                self._answered(sid)
            else:
                self._end(sid, S.NO_ANSWER)

        self.calls[sid] = _Live(call, life, "", None, began_at=self.agenda.now_ms)
        self.came_in[sid] = person
        self.calls[sid].owner = self.told.call_comes_in(sid, person, answered)

    def in_calls_with(self, person: str) -> list[str]:
        """Give the calls a person is in, or which ring them."""
        rung = [sid for sid in self.live if self.calls[sid].call.to_number == person]
        return [*rung, *(sid for sid, caller in self.came_in.items() if caller == person)]

    def _step(self, sid: str, status: CarrierStatus) -> None:
        live = self.calls.get(sid)
        if live is None or live.call.status.rank >= status.rank:
            return
        live.change(self.agenda.now_ms, replace(live.call, status=status))
        self._tell(sid, live, status)

    def _answered(self, sid: str) -> None:
        live = self.calls[sid]
        if live.call.status.is_terminal:
            return
        live.answered_at = self.agenda.now_ms
        self._step(sid, S.IN_PROGRESS)
        longest = live.request.time_limit_seconds if live.request else live.life.talks
        self.agenda.after(min(live.life.talks, longest), lambda: self._end(sid, S.COMPLETED))
        self.agenda.after(min(0.3, live.life.talks / 4), lambda: self._stream(sid))
        if live.request is not None and live.request.amd_callback is not None and live.life.talks > AMD_SECONDS:
            self.agenda.after(AMD_SECONDS, lambda: self._amd(sid, live))

    def _end(self, sid: str, status: CarrierStatus) -> None:
        live = self.calls[sid]
        if live.call.status.is_terminal:
            return
        now = self.agenda.now_ms
        seconds = (now - (live.answered_at or now)) // 1000 if status is S.COMPLETED else None
        live.over_at = now
        over = replace(live.call, status=status, ended_at=_second(now), duration_seconds=seconds)
        live.change(now, replace(over, error_code=live.life.error))
        self.live.pop(sid, None)
        self.came_in.pop(sid, None)
        if live.never_left and live.used_up:
            self.people[live.call.to_number].insert(0, live.life)
        self.told.on_end(sid)
        self._tell(sid, live, status)
        if live.stream:
            self.agenda.at(max(now, live.stored_at) + 100, lambda: self._closes(live, machine=False))
        if not self.keeps_calls:
            self.agenda.after(600, lambda: self.calls.pop(sid, None), background=True)

    # ---------------------------------------------------------------- callbacks

    def _tell(self, sid: str, live: _Live, status: CarrierStatus) -> None:
        if live.request is None and not status.is_terminal:
            return  # of a call that came in only the end is told
        sip = live.life.sip if status.is_terminal and status is live.life.end else None
        at, seconds = _second(self.agenda.now_ms), live.call.duration_seconds
        fact = CarrierFact(sid, status, at, seconds, sip)
        fate, chance = self.faults.fate(), self.faults.chance
        if fate == "drop":
            return
        delays = [0.05 if fate == "deliver" else chance.choice((0.5, 4.0, 45.0, 200.0))]
        delays += [chance.choice((0.0, 1.0, 30.0))] if fate == "twice" else []
        for delay in delays:
            self.agenda.after(delay, lambda: self._callback(live.owner, fact, TRY_AGAIN))

    def _callback(self, owner: str, fact: CarrierFact, more: int) -> None:
        def again() -> None:
            if more > 0:
                self.agenda.after(1.0, lambda: self._callback(owner, fact, more - 1))

        self.told.callback(owner, fact, again)

    def _amd(self, sid: str, live: _Live) -> None:
        if live.call.status.is_terminal or self.faults.fate() == "drop":
            return
        self.told.verdict(live.owner, sid, "machine_start" if live.life.machine else "human", lambda: None)

    # ---------------------------------------------------------------- the media stream

    def _stream(self, sid: str) -> None:
        live = self.calls[sid]
        if live.call.status.is_terminal:
            return
        if not self.told.stream_opens(live.owner, sid):
            self._end(sid, S.COMPLETED)  # the socket was refused, so nothing keeps the call
            return
        live.stream = True
        if self.faults.happens("media dies", self.faults.media_dies):
            live.stream = False
            if self.faults.chance.random() < 0.5:  # its socket is lost with it, or nobody notices
                self.agenda.after(2.0, lambda: self._end(sid, S.COMPLETED))
            return
        if live.life.says:
            self.agenda.after(min(1.0, live.life.talks / 4), lambda: self._hears(sid))
        self.agenda.after(ALIVE_SECONDS, lambda: self._lives(sid))
        if live.life.machine:
            self.agenda.after(3.0, lambda: self._machine(sid))

    def _hears(self, sid: str) -> None:
        live = self.calls[sid]
        if live.stream and not live.call.status.is_terminal:
            self.told.on_said(sid, live.life.says)
            live.stored_at = self.agenda.now_ms + round(live.life.stored_after * 1000)
            self.agenda.at(live.stored_at, lambda: self.told.stream_hears(live.owner, live.life.says))

    def _lives(self, sid: str) -> None:
        live = self.calls[sid]
        if live.stream and not live.call.status.is_terminal:
            self.told.stream_lives(live.owner)
            self.agenda.after(ALIVE_SECONDS, lambda: self._lives(sid))

    def _machine(self, sid: str) -> None:
        live = self.calls[sid]
        if live.stream and not live.call.status.is_terminal:
            self.told.stream_finds_machine(live.owner)
            self._closes(live, machine=True)
            self._end(sid, S.COMPLETED)

    def _closes(self, live: _Live, *, machine: bool) -> None:
        if live.stream:
            live.stream = False
            self.told.stream_closes(live.owner, machine=machine)


def _second(at: int) -> int:
    """A moment as the carrier tells it."""
    return at // 1000 * 1000


def _owner(request: DialRequest) -> str:
    """The call the callback URL names."""
    return request.status_callback.split("/calls/")[1].split("/")[0]
