"""Tell which placeholders of a recipient's call have no value, in its prompts and in what is left on a machine."""

from functools import lru_cache

from calling.domain.agent import Agent, Number, VoicemailAction, voicemail_plan
from calling.domain.campaign import Campaign
from calling.domain.errors import InvalidRequest
from calling.domain.placeholders import fill, lacking
from calling.domain.recipient import Recipient


def missing_variables(campaign: Campaign, agent: Agent, number: Number, recipient: Recipient) -> tuple[str, ...]:
    """Name the variables that a recipient's call asks for and that have no value."""
    prompt = recipient.prompt or campaign.prompt or agent.outbound_prompt or campaign.name or ""
    texts = "\n".join(text for text in (agent.system_prompt, number.custom_prompt, prompt) if text)
    asked = dict.fromkeys(_asked(texts, code=True) + _asked(_voicemail_message(agent, number), code=False))
    return lacking(tuple(asked), recipient.dynamic_vars, campaign.dynamic_vars)


@lru_cache(maxsize=64)
def _asked(text: str, *, code: bool) -> tuple[str, ...]:
    """Name a text's variables: ten thousand recipients mostly share their texts."""
    return fill(text, {}, code=code).missing


def _voicemail_message(agent: Agent, number: Number) -> str:
    try:
        action, words = voicemail_plan(agent, number, None, None)
    except InvalidRequest:
        return ""  # it pauses the campaign, and says why, before anybody is dialled
    return words or "" if action is VoicemailAction.LEAVE_MESSAGE else ""
