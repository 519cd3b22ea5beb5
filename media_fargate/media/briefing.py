"""What one call's session must know before it speaks, read in one go, in threads, while the stream is opening."""

import asyncio
from dataclasses import dataclass, field
from functools import partial

from calling.domain.agent import DEFAULT_VOICE, heard_accent
from calling.domain.call import Call, Direction
from calling.domain.disclosure import holds
from calling.domain.placeholders import fill
from calling.domain.prompt import Brief, system_prompt
from calling.usecases.brief_call import brief_call
from calling.usecases.prepare_opener import opener_keys
from media.attempt import attempt
from media.conversation.config import ConversationConfig
from media.conversation.notices import Notice
from media.house import House
from media.llm import Manner
from media.tools import offered

# s; somebody is saying hello meanwhile: an opener that is late is made anew, a call nobody knows about is ended.
_OPENER_WITHIN, _BRIEF_WITHIN = 1.5, 5.0
_MAX_TOKENS = {"short": 150, "medium": 250, "long": 450}  # to be heard; a tool's arguments are in it too


@dataclass(frozen=True, slots=True)
class Briefing:
    """A call's conversation, model and voice, and its opener's sound (None: not made)."""

    config: ConversationConfig
    manner: Manner
    voice_id: str
    language: str
    record: bool
    opener: bytes | None = field(repr=False)


async def brief(call: Call, house: House) -> Briefing:
    """Read agent, number, history and opener of a call; without an opener, or a store of them, a call works too.

    Raises:
        NotFound: the agent or the number is gone.
        TimeoutError: the stores do not answer.
    """
    async with asyncio.timeout(_BRIEF_WITHIN):
        known, opener = await asyncio.gather(
            asyncio.to_thread(brief_call, call, agents=house.agents, people=house.people, clock=house.clock),
            attempt(lambda: _opener(call, house), bound=_OPENER_WITHIN),
        )
    return _compose(known, *(opener or (None, None)))


def _compose(known: Brief, words: str | None, sound: bytes | None) -> Briefing:
    agent, call = known.agent, known.call
    if words is None and call.direction is Direction.INBOUND and agent.welcome_message:
        words = fill(agent.welcome_message, call.dynamic_vars).text
    voice_id = call.voice_id or known.number.voice_id or agent.voice_id or DEFAULT_VOICE
    return Briefing(
        config=_config(known, words, has_audio=bool(sound)),
        manner=_manner(known),
        voice_id=voice_id,
        language=heard_accent(agent.language, voice_id),
        record=agent.record_call,
        opener=sound or None,
    )


def _opener(call: Call, house: House) -> tuple[str | None, bytes | None]:
    words_key, sound_key = opener_keys(call.account_id, call.call_id)
    words = house.blobs.get(words_key)
    if not words:
        return None, None
    return words.decode(errors="replace"), house.blobs.get(sound_key)


def _config(known: Brief, words: str | None, *, has_audio: bool) -> ConversationConfig:
    agent, call = known.agent, known.call
    message = call.voicemail_message
    return ConversationConfig(
        direction="outbound" if call.direction is Direction.OUTBOUND else "inbound",
        opener_text=words or None,
        opener_has_audio=has_audio,
        ai_speaks_first=agent.ai_speaks_first,
        notices=tuple(Notice(said, partial(holds, notice=said)) for said in known.notices),
        pickup_delay=agent.pickup_delay_ms / 1000,
        endpoint_silence=agent.response_eagerness / 1000,
        interruption_sensitivity=agent.interruption_sensitivity,
        silence_hangup=float(agent.silence_hangup_seconds),
        max_duration=float(call.max_duration_seconds),
        voicemail_action=call.voicemail_action.value,
        voicemail_message=fill(message, call.dynamic_vars).text if message else None,
        detect_voicemail=call.amd_enabled and call.direction is Direction.OUTBOUND,
    )


def _manner(known: Brief) -> Manner:
    agent = known.agent
    return Manner(
        system=system_prompt(known, with_history=True),
        tools=offered(may_be_machine=known.call.direction is Direction.OUTBOUND),
        model=agent.llm_model,
        traits=agent.llm_traits,
        temperature=agent.temperature,
        max_tokens=_MAX_TOKENS.get(agent.response_length, _MAX_TOKENS["medium"]),
    )
