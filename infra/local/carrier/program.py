"""A call's TwiML, verb after verb, on an answered line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from infra.local.carrier.line import Line
from infra.local.carrier.params import Target
from infra.local.carrier.speech import Voice
from infra.local.carrier.twiml import Connect, Hangup, Pause, Redirect, Say, TwimlError, Verb, parse

log: Final = logging.getLogger(__name__)
APPLICATION_ERROR: Final = "We are sorry, an application error has occurred. Goodbye."  # Twilio's sentence
_MAX_DOCUMENTS: Final = 50

Fetch = Callable[[Target], Awaitable[str]]
RunStream = Callable[[Connect], Awaitable[bool]]  # false: nothing may follow


class Program:
    """Runs documents until one ends; then the call is over."""

    def __init__(self, call_sid: str, line: Line, voice: Voice, *, fetch: Fetch, run_stream: RunStream) -> None:
        self._call_sid = call_sid
        self._line = line
        self._voice = voice
        self._fetch = fetch
        self._run_stream = run_stream

    async def run(self, document: str | Target) -> None:
        """Run a document, given or fetched, and those it leads to. Where one cannot be run the person is told so."""
        try:
            for _ in range(_MAX_DOCUMENTS):
                text = document if isinstance(document, str) else await self._fetch(document)
                following = await self._document(parse(text))
                if following is None:
                    return
                document = following
            log.warning("call %s: too many redirects", self._call_sid)
        except TwimlError as error:
            log.warning("call %s: %d: %s", self._call_sid, error.code, error)
            await self._line.play(await self._voice.sound(APPLICATION_ERROR))

    async def _document(self, verbs: list[Verb]) -> Target | None:
        for verb in verbs:
            match verb:
                case Connect(action=action, method=method):
                    if not await self._run_stream(verb):
                        return None
                    if action:  # it says what follows; the verbs after this one are never run
                        return Target(action, method)
                case Say(text):
                    await self._line.play(await self._voice.sound(text))
                case Pause(length):
                    await asyncio.sleep(length)
                case Redirect(url, method):
                    return Target(url, method)
                case Hangup():
                    return None
                case _:
                    raise TwimlError(12200, f"verb not supported here: {type(verb).__name__}")
        return None
