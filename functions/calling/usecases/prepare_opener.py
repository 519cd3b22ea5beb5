"""Make the opening line and its audio while the phone still rings, so that nobody hears dead air.

The opener says who is calling and why and nothing of past calls: a machine, or anybody, may hear it.
"""

import re

from calling.domain.agent import DEFAULT_VOICE
from calling.domain.call import CallStatus
from calling.domain.disclosure import lacking
from calling.domain.prompt import opener_request, system_prompt
from calling.ports import AgentStore, BlobStore, CallStore, Clock, LanguageModel, PeopleStore, Speech
from calling.usecases.brief_call import brief_call

_MAX_TOKENS = 120
_MAX_CHARACTERS = 400  # about 25 s of speech; longer is no opening line
_WAITING = frozenset({CallStatus.QUEUED, CallStatus.DIALING, CallStatus.RINGING})


def opener_keys(account_id: str, call_id: str) -> tuple[str, str]:
    """Name the blobs of an opener: its words (UTF-8) and its audio (raw mu-law, 8 kHz)."""
    base = f"openers/{account_id}/{call_id}"
    return f"{base}.txt", f"{base}.ulaw"


def prepare_opener(
    account_id: str,
    call_id: str,
    *,
    calls: CallStore,
    agents: AgentStore,
    people: PeopleStore,
    model: LanguageModel,
    speech: Speech,
    blobs: BlobStore,
    clock: Clock,
) -> bool:
    """Write and speak the opener of a call that has not been answered. A call works without it.

    Returns True where an opener lies ready. Running again writes it again.

    Raises:
        ModelError, SpeechError, NotFound: there will be no opener; the media session opens by itself.
    """
    call = calls.get(account_id, call_id)
    if call is None or call.status not in _WAITING:
        return False
    brief = brief_call(call, agents=agents, people=people, clock=clock)
    if not brief.agent.ai_speaks_first:
        return False
    answer = model.complete(
        system=system_prompt(brief, with_history=False),
        message=opener_request(brief),
        max_tokens=_MAX_TOKENS,
        temperature=brief.agent.temperature,
        model=brief.agent.llm_model,
        traits=brief.agent.llm_traits,
    )
    text = _spoken(answer.text, cut=answer.cut)
    if not text:
        return False
    text = f"{lacking(text, brief.notices)} {text}".strip()
    words, audio = opener_keys(account_id, call_id)
    # The words come last: where they are, the audio is.
    sound = speech.synthesize(text, voice_id=call.voice_id or DEFAULT_VOICE)
    blobs.put(audio, sound, content_type="audio/basic")
    blobs.put(words, text.encode(), content_type="text/plain; charset=utf-8")
    return True


def _spoken(text: str, *, cut: bool) -> str:
    """Keep the words: no quotes, no markup, one paragraph, whole sentences where it is too long or was cut off."""
    line = re.sub(r"\s+", " ", text.replace("*", "")).strip().strip('"“”').strip()
    if len(line) <= _MAX_CHARACTERS and not cut:
        return line
    head = f"{line} "[:_MAX_CHARACTERS]
    return head[: max(head.rfind(". "), head.rfind("? "), head.rfind("! ")) + 1].strip()
