"""ONE call: sockets, timers and vendors on one side, the conversation on the other, and the only TaskGroup.

Nothing is decided here. What happens becomes an input with its time; what the conversation answers is carried out in
order. The loop's clock is the only one; times on the record count from the stream's start.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import cast

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from calling.domain.call import Call, EndedReason
from calling.domain.transcript import Turn
from media.attempt import attempt
from media.audio import mulaw
from media.audio.playout import Playout
from media.audio.recorder import Recorder
from media.briefing import Briefing
from media.conversation.conversation import Conversation
from media.conversation.effects import (
    CancelReply,
    Clear,
    Effect,
    HangUp,
    PlayOpener,
    ReportVoicemail,
    Speak,
    StartReply,
    StoreTurn,
    VoicemailLeft,
)
from media.conversation.inputs import (
    Dtmf,
    HangUpRequested,
    HearingLost,
    Input,
    MarkEchoed,
    StreamEnded,
    StreamStarted,
    Tick,
)
from media.house import House
from media.listening import Ear
from media.record import Record
from media.replies import Replies
from media.speaking import Mouthpiece, Voice
from media.stt import SpeechToTextFailed, SttStream
from media.wire import twilio_stream as wire

logger = logging.getLogger(__name__)

_LINE_LOST = 20.0  # s without a frame: the carrier sends fifty a second
_CLOSE_TIMEOUT = 2.0  # s


@dataclass(frozen=True, slots=True)
class _Message:
    """A message on its way to the carrier."""

    text: str
    is_sound: bool = False


class Session:
    """One call from its stream's start to its last fact stored. `run` once."""

    def __init__(
        self, socket: ServerConnection, call: Call, start: wire.Started, house: House, *, answered: float
    ) -> None:
        self._socket = socket
        self._call = call
        self._stream_sid = start.stream_sid
        self._house = house
        self._answered = answered  # the loop's time when the stream started
        self._record = Record(house, call)
        self._playout = Playout()
        self._recorder: Recorder | None = None
        self._outgoing: asyncio.Queue[_Message] = asyncio.Queue()
        self._inbox: deque[tuple[Input, float]] = deque()
        self._draining = False
        self._due_changed = asyncio.Event()
        self._over = asyncio.Event()
        self._ended: int | None = None  # the sample with which the conversation was over
        self._hung_up: EndedReason | None = None
        self._stopped_by_carrier = False
        self._released = False  # the carrier was told, where it must be, and the socket closed
        self._lost = False  # nobody has ended the conversation: the stream or this session broke, or we go away
        self._conversation: Conversation | None = None
        self._replies: Replies | None = None
        self._voice: Voice | None = None
        self._opener: bytes | None = None

    def end(self) -> None:
        """Ask the conversation to end now: this process is going away."""
        self._lost = True
        if self._conversation is not None:
            self.tell(HangUpRequested("error"))
        else:
            self._over.set()

    async def run(self, briefing: Awaitable[Briefing]) -> None:
        """Hold the conversation, then leave the record complete. Raises nothing."""
        try:
            await self._converse(await briefing)
        except* Exception as failures:  # the media session's door: a call that breaks is ended and recorded
            for failure in failures.exceptions:
                logger.error("session broke: %s", type(failure).__name__, exc_info=failure)  # noqa: TRY400
            self._hung_up, self._lost = EndedReason.ERROR, True
        finally:
            await self._finish()

    # --- the conversation ------------------------------------------------------------------------------------------

    async def _converse(self, briefing: Briefing) -> None:
        recognition = self._house.stt.open(language=briefing.language)
        if briefing.record:
            self._recorder = await attempt(lambda: Recorder(self._playout))
        ear = Ear(recognition, self._recorder, self._tell_late)
        self._opener = briefing.opener
        async with asyncio.TaskGroup() as tasks:
            mouthpiece = Mouthpiece(self._send_sound, self._send_mark, self._send_clear, self.tell)
            self._voice = Voice(self._house.tts, briefing.voice_id, mouthpiece, tasks)
            self._replies = Replies(self._house.llm, briefing.manner, self.tell, self._record.spent, tasks)
            self._conversation = Conversation(briefing.config)
            listening = tasks.create_task(self._listen(recognition))
            helpers = [self._write(), self._keep_time(), self._record.watch(self.tell), self._record.write()]
            running = [tasks.create_task(helper) for helper in helpers]
            self.tell(StreamStarted())
            running.append(tasks.create_task(self._read(ear)))
            await self._over.wait()
            self._voice.stop()
            self._replies.cancel_all()
            await asyncio.gather(self._hang_up(), self._record.written(), recognition.close())
            for task in [*running, listening]:
                task.cancel()

    def tell(self, what: Input) -> None:
        """Give the conversation an input and carry out what it answers, one input after the other."""
        self._tell_late(what, 0.0)

    def _tell_late(self, what: Input, ago: float) -> None:
        conversation = cast("Conversation", self._conversation)
        self._inbox.append((what, self._now() - ago))
        if self._draining:
            return  # an effect being carried out has told something: it is heard after that effect's siblings
        self._draining = True
        try:
            while self._inbox:
                for effect in conversation.receive(*self._inbox.popleft()):
                    self._do(effect)
        finally:
            self._draining = False
        self._due_changed.set()
        if conversation.over and not self._over.is_set():
            self._over.set()
            self._ended = self._sample()

    def _do(self, effect: Effect) -> None:
        voice, replies = cast("Voice", self._voice), cast("Replies", self._replies)
        match effect:
            case Speak():
                voice.say(effect.utterance, effect.text)
            case StartReply():
                replies.start(effect.reply, effect.messages)
            case CancelReply():
                replies.cancel(effect.reply)
            case Clear():
                voice.clear()
            case PlayOpener():
                voice.play(effect.utterance, self._opener or b"")
            case StoreTurn():
                self._record.turn(self._turn(effect))
            case ReportVoicemail():
                self._record.voicemail(effect.method)
            case VoicemailLeft():
                self._record.voicemail_left = True
            case HangUp():
                self._hung_up = EndedReason(effect.reason)

    def _turn(self, turn: StoreTurn) -> Turn:
        return Turn(
            index=turn.index,
            role=turn.role,
            text=turn.text,
            started_ms=max(0, round((turn.started - self._answered) * 1000)),
            ended_ms=max(0, round((turn.ended - self._answered) * 1000)),
            interrupted=turn.interrupted,
            latency_ms=None if turn.latency is None else round(turn.latency * 1000),
        )

    # --- the tasks -------------------------------------------------------------------------------------------------

    async def _read(self, ear: Ear) -> None:
        """Read the carrier's messages until it stops, is lost, or speaks nonsense."""
        try:
            while True:
                async with asyncio.timeout(_LINE_LOST):
                    message = await self._socket.recv()
                match wire.parse(message):
                    case wire.Media() as media:
                        ear.hear(media)
                    case wire.Mark(name):
                        self.tell(MarkEchoed(name))
                    case wire.Digit(digit):
                        self.tell(Dtmf(digit))
                    case wire.Stopped():
                        self._stopped_by_carrier = True
                        break
        except (ConnectionClosed, TimeoutError, wire.ProtocolError) as e:
            self._lost = True  # or closed by us, with a reason of our own
            logger.info("stream ended: %s", type(e).__name__)
        self.tell(StreamEnded())

    async def _write(self) -> None:
        try:
            while True:
                await self._socket.send((await self._outgoing.get()).text)
        except ConnectionClosed:
            return  # the reader meets it too, and says so

    async def _listen(self, recognition: SttStream) -> None:
        try:
            async for heard in recognition:
                self.tell(heard)
        except SpeechToTextFailed:
            self.tell(HearingLost())

    async def _keep_time(self) -> None:
        """Tick when the conversation's deadline comes."""
        conversation = cast("Conversation", self._conversation)
        while not conversation.over:
            self._due_changed.clear()
            due = conversation.deadline
            try:
                async with asyncio.timeout_at(due):
                    await self._due_changed.wait()
            except TimeoutError:
                self.tell(Tick())

    # --- sound out -------------------------------------------------------------------------------------------------

    def _send_sound(self, sound: bytes) -> None:
        if self._record.first_audio_ms is None:
            self._record.first_audio_ms = round((self._now() - self._answered) * 1000)
        if self._recorder is not None and not self._recorder.lost:
            self._playout.queue(sound, self._sample())
        self._outgoing.put_nowait(_Message(wire.media(self._stream_sid, sound), is_sound=True))

    def _send_mark(self, name: str) -> None:
        self._outgoing.put_nowait(_Message(wire.mark(self._stream_sid, name)))

    def _send_clear(self) -> None:
        self._playout.clear(self._sample())
        waiting = [self._outgoing.get_nowait() for _ in range(self._outgoing.qsize())]
        # Sound that has not even left would only delay the clear; marks must still come back.
        for message in [m for m in waiting if not m.is_sound]:
            self._outgoing.put_nowait(message)
        self._outgoing.put_nowait(_Message(wire.clear(self._stream_sid)))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _sample(self) -> int:
        return max(0, round((self._now() - self._answered) * mulaw.RATE))

    # --- the end ---------------------------------------------------------------------------------------------------

    async def _hang_up(self) -> None:
        """End the call at the carrier, unless that is what ended the stream, and close the socket.

        Of a lost one the socket alone is closed: the carrier then asks what to do with the call (after_stream), and
        whoever is on the line hears a sentence instead of a click.
        """
        if not (self._stopped_by_carrier or self._lost):
            await self._record.hang_up(self._hung_up)
        await self._close_socket()
        self._released = True

    async def _close_socket(self) -> None:
        try:
            await asyncio.wait_for(self._socket.close(), _CLOSE_TIMEOUT)
        except TimeoutError:
            self._socket.transport.abort()

    async def _finish(self) -> None:
        """Store the recording and the last facts. A session that broke before its end hangs up here."""
        if not self._released:
            await self._hang_up()
        await self._record.finish_writing()
        key = None
        if (recorder := self._recorder) is not None:
            end = self._sample() if self._ended is None else self._ended
            data = await attempt(lambda: recorder.finish(end))
            key = await self._record.keep(data) if data else None
        await self._record.close(self._hung_up or (EndedReason.ERROR if self._lost else None), key)
