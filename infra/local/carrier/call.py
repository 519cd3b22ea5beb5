"""One call's life, as one task: queued, ringing, answered or not, ended; with its callbacks.

It alone changes the status of its record. It knows the wire's other parts, not the REST API.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from time import time
from typing import Any, Final
from uuid import uuid4

from infra.local.carrier import amd
from infra.local.carrier.callbacks import CallbackQueue, Webhooks
from infra.local.carrier.documents import Documents
from infra.local.carrier.faults import Faults
from infra.local.carrier.line import Line
from infra.local.carrier.listener import listener
from infra.local.carrier.params import Dial, Target
from infra.local.carrier.people import Person
from infra.local.carrier.person import behaviour_of
from infra.local.carrier.program import APPLICATION_ERROR, Program
from infra.local.carrier.reports import Queues, Reports
from infra.local.carrier.resources import CallRecord
from infra.local.carrier.speech import SpeechError, Voice
from infra.local.carrier.stream import Identity, Stream
from infra.local.carrier.twiml import Connect, Reject, TwimlError, parse

log: Final = logging.getLogger(__name__)
# SIP's codes. An INVITE that is given up is answered 487, whoever gave it up: the caller, or the time to ring.
BUSY, TERMINATED, UNAVAILABLE, OK = 486, 487, 503, 200
_GOODBYE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Equipment:
    """What every call uses."""

    faults: Faults
    webhooks: Webhooks
    voice: Voice
    scripted: bool


class CallLife:
    """A call while it lives, and the handle by which it is redirected or ended."""

    def __init__(self, record: CallRecord, dial: Dial, person: Person, equipment: Equipment) -> None:
        self.record = record
        self.dial = dial
        self._person = person
        self._equipment = equipment
        queues = [CallbackQueue(equipment.webhooks, equipment.faults) for _ in range(3)]
        self._queues = Queues(*queues)
        self.reports = Reports(record, dial, self._queues)
        self._documents = Documents(
            equipment.webhooks, dial.fallback, lambda: self.reports.parameters(self.record.status)
        )
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line: Line | None = None
        self._document: str | Target = dial.url or dial.twiml or ""
        self._redirected = asyncio.Event()
        self._verdict = asyncio.Event()
        self._time_limit = dial.time_limit
        self._limit_moved = asyncio.Event()

    # What others ask of it.

    def end(self, status: str, sip_code: int = OK) -> None:
        """Bring the call to a terminal status, at once; the first word counts."""
        if self._over.done():
            return
        self._change(status)
        self.record.sip_code = sip_code
        self.record.ended_at = self.record.updated_at
        self.record.billed_at = self.record.ended_at + self._equipment.faults.plan.carrier.price_after_ms / 1000
        self._over.set_result(None)

    def redirect(self, document: str | Target) -> None:
        """Leave the TwiML that runs and go on with this."""
        self._document = document
        self._redirected.set()

    def limit(self, seconds: float) -> None:
        """Move the end of the call to so long after its answer."""
        self._time_limit = seconds
        self._limit_moved.set()

    def press(self, digits: str) -> bool:
        """The person presses keys; false when no stream hears them."""
        stream = self._line.stream if self._line else None
        if stream is None or not stream.open:
            return False
        for digit in digits:
            stream.dtmf(digit)
        return True

    async def run(self) -> None:
        """Live; returns when the call has ended and its callbacks are out."""
        sender = asyncio.create_task(self._queues.run())
        try:
            answered = await (self._ring_in() if self.record.direction == "inbound" else self._ring_out())
            if answered:
                await self._talk()
        except SpeechError as error:
            log.error("call %s fails: %s", self.record.sid, error)  # noqa: TRY400  # the cause is named
            self.end("failed", UNAVAILABLE)
        except asyncio.CancelledError:
            sender.cancel()  # the carrier is closing
            raise
        finally:
            self.end("failed", UNAVAILABLE)  # unless it has ended in any other way
            self.reports.progress("completed", self.record.status)
            self._queues.close()
            await asyncio.wait([sender])

    # Before the answer.

    async def _ring_out(self) -> bool:
        record, person = self.record, self._person
        if person.answers in {"human", "voicemail"}:
            self._equipment.voice.prepare(person.utterances())
        if await self._over_within(record.queue_seconds):
            return False
        self.reports.progress("initiated", "initiated")
        if person.answers == "fail" or record.error_code is not None:
            self.end("failed", person.sip_code if record.error_code is None else UNAVAILABLE)
            return False
        self._change("ringing")
        record.ringing_at = record.updated_at
        self.reports.progress("ringing", "ringing")
        if person.answers == "no-answer" or person.ring_seconds >= self.dial.timeout:
            if not await self._over_within(self.dial.timeout):
                self.end("no-answer", TERMINATED)
            return False
        if await self._over_within(person.ring_seconds):
            return False
        if person.answers == "busy":
            self.end("busy", BUSY)
            return False
        return await self._has_voice()

    async def _ring_in(self) -> bool:
        """An inbound call rings while our number's webhook is asked what to do."""
        self._change("ringing")
        self.record.ringing_at = self.record.updated_at
        try:
            target = self.dial.url
            self._document = await self._documents.fetch(target) if target else "<Response/>"
            first = next(iter(parse(self._document)), None)
        except TwimlError as error:
            log.warning("call %s: %d: %s", self.record.sid, error.code, error)
            self._document = f"<Response><Say>{APPLICATION_ERROR}</Say></Response>"
            first = None
        if isinstance(first, Reject):
            self.end("busy" if first.reason == "busy" else "no-answer", BUSY)
        return not self._over.done() and await self._has_voice()

    async def _has_voice(self) -> bool:
        """Nobody answers before they can speak: the first line is there, the others are on their way."""
        voice, texts = self._equipment.voice, self._person.utterances()
        voice.prepare(texts)
        if texts:
            first = asyncio.create_task(voice.sound(texts[0]))
            waiting: list[asyncio.Future[Any]] = [first, self._over]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if first.done():
                first.result()
            first.cancel()
        return not self._over.done()

    async def _over_within(self, seconds: float) -> bool:
        await asyncio.wait([self._over], timeout=seconds)
        return self._over.done()

    # After the answer.

    async def _talk(self) -> None:
        voice = self._equipment.voice
        self._line = line = Line(
            self.record, behaviour_of(self._person, voice.ready), listener(self._equipment.scripted)
        )
        self._change("in-progress")
        self.record.answered_at = self.record.updated_at
        self.reports.progress("answered", "in-progress")
        tasks = [
            asyncio.create_task(self._while_person_stays(line)),
            asyncio.create_task(self._programs(line)),
            asyncio.create_task(self._detect(line)),
            asyncio.create_task(self._limit()),
        ]
        try:
            await self._until_over(tasks)
        finally:
            tasks[0].cancel()  # nobody speaks or hears any more
            if line.stream is not None:
                line.stream.stop()
                await asyncio.wait([tasks[1]], timeout=_GOODBYE_SECONDS)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            line.cut()

    async def _until_over(self, tasks: list[asyncio.Task[None]]) -> None:
        """Wait for the end; an error in any part of the call is the call's."""
        running: set[asyncio.Future[None]] = set(tasks)
        while not self._over.done():
            done, _ = await asyncio.wait([*running, self._over], return_when=asyncio.FIRST_COMPLETED)
            for task in running & done:
                task.result()
            running -= done

    async def _while_person_stays(self, line: Line) -> None:
        await line.run()
        self.end("completed")

    async def _limit(self) -> None:
        """End the call at its limit, which an update may move."""
        started = asyncio.get_running_loop().time()
        while True:
            self._limit_moved.clear()
            try:
                async with asyncio.timeout_at(started + self._time_limit):
                    await self._limit_moved.wait()
            except TimeoutError:
                break
        self.end("completed")

    async def _programs(self, line: Line) -> None:
        """Run the call's TwiML, and each document it is redirected to; without one more the call is over."""
        detection = self.dial.detection
        if detection and not detection.asynchronous:
            await self._verdict.wait()
        await asyncio.sleep(self._equipment.faults.plan.carrier.trial)
        program = Program(
            self.record.sid,
            line,
            self._equipment.voice,
            fetch=self._documents.fetch,
            run_stream=lambda verb: self._run_stream(verb, line),
        )
        while True:
            running = asyncio.create_task(program.run(self._document))
            redirected = asyncio.create_task(self._redirected.wait())
            try:
                await asyncio.wait([running, redirected], return_when=asyncio.FIRST_COMPLETED)
                if not redirected.done():
                    running.result()
                    break
                if line.stream is not None:
                    line.stream.stop()
                    await asyncio.wait([running], timeout=_GOODBYE_SECONDS)
                self._redirected.clear()
                line.playout.clear()
            finally:
                for task in (running, redirected):
                    task.cancel()
                await asyncio.gather(running, redirected, return_exceptions=True)
        self.end("completed")

    async def _run_stream(self, verb: Connect, line: Line) -> bool:
        """Carry one media stream; true when the verbs after it are to follow."""
        identity = Identity(self.record.account_sid, self.record.sid, f"MZ{uuid4().hex}")
        line.stream = stream = Stream(
            verb,
            identity,
            line.playout,
            signature=lambda url: self._equipment.webhooks.signature(url, {}),
            on_open=lambda: self.reports.stream(verb, identity, "stream-started"),
            on_clear=line.listener.cut,
            on_warning=self.record.warnings.append,
            faults=self._equipment.faults,
        )
        try:
            await stream.run()
        finally:
            line.stream = None
            line.playout.clear()
            if stream.error:
                self.reports.stream(verb, identity, "stream-error", f"{stream.error}")
            else:
                self.reports.stream(verb, identity, "stream-stopped")
        return not (self._over.done() or self._redirected.is_set())

    async def _detect(self, line: Line) -> None:
        detection = self.dial.detection
        if detection is None:
            return
        began = asyncio.get_running_loop().time()
        answered_by = await amd.judge(self._person, detection, line.message_over)
        self.record.answered_by = answered_by
        self._verdict.set()
        milliseconds = round((asyncio.get_running_loop().time() - began) * 1000)
        self.reports.detection(detection, answered_by, milliseconds)

    def _change(self, status: str) -> None:
        self.record.change(status, time())
