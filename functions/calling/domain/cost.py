"""What a call costs, itemised in USD, from the units that were measured of it, and what its carrier billed. Pure.

US list prices; the operator's own contract and region may differ. AWS's share (Lambda, queues, tables, the container)
stays under 2 % of the carrier's and is not itemised.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

from calling.domain.call import Call, Direction
from calling.domain.language_model import DEFAULT_MODEL
from calling.domain.model_usage import ModelUsage, price_of
from calling.domain.outcome import connected_ms
from calling.domain.transcript import Turn

OUTBOUND_MINUTE = 0.0140  # Twilio, to a US number; a started minute counts whole
INBOUND_MINUTE = 0.0085
MEDIA_STREAM_MINUTE = 0.0044
MACHINE_DETECTION_CALL = 0.0075
TRANSCRIBE_MINUTE = 0.024  # first tier, by the second, 15 s at least
MILLION = 1_000_000
POLLY_NEURAL_CHARACTER = 16 / MILLION

_CHARACTERS_A_TOKEN = 3  # of English, about, in the tokenizer of the current models
_PROMPT_TOKENS = 1_000  # instructions, rules and history: the part of each request that the transcript does not hold
_TRANSCRIBE_LEAST_SECONDS = 15

Basis = Literal["measured", "estimated", "billed"]


@dataclass(frozen=True, slots=True)
class CostItem:
    """One line: so many units at a price; None where no price of this `model` is known.

    `estimated` where the units themselves are not counted by anyone, `billed` where the amount is the carrier's own.
    """

    item: str
    quantity: float
    unit: str
    unit_price: float | None
    basis: Basis = "measured"
    model: str | None = None

    @property
    def amount(self) -> float | None:
        """USD, rounded to a millionth; None where there is no price."""
        return None if self.unit_price is None else round(self.quantity * self.unit_price, 6)


@dataclass(frozen=True, slots=True)
class Cost:
    """The lines, and in USD the sum of those that have a price."""

    items: tuple[CostItem, ...]

    @property
    def total(self) -> float:
        """USD, rounded to a millionth."""
        return round(sum(i.amount or 0.0 for i in self.items), 6)


def cost(call: Call, turns: Sequence[Turn]) -> Cost:
    """Itemise a call that is over. One that never connected costs nothing but what its carrier billed all the same."""
    milliseconds = connected_ms(call)
    if milliseconds == 0:
        return Cost((_billed(call.carrier_price),) if call.carrier_price else ())
    minutes = ceil(milliseconds / 60_000)
    outbound = call.direction is Direction.OUTBOUND
    if call.carrier_price is not None:
        items = [_billed(call.carrier_price)]
    else:
        items = [CostItem("carrier", minutes, "minute", OUTBOUND_MINUTE if outbound else INBOUND_MINUTE)]
    if outbound and call.amd_enabled:
        items.append(CostItem("machine_detection", 1, "call", MACHINE_DETECTION_CALL))
    if call.media_opened_at is not None:
        items.append(CostItem("media_stream", minutes, "minute", MEDIA_STREAM_MINUTE))
        items.append(CostItem("transcription", _heard_minutes(call, milliseconds), "minute", TRANSCRIBE_MINUTE))
    items += _speech(turns)
    items += _tokens(call.model_usage)
    if not call.model_usage or call.media_closed_at is None:
        items += _guessed_tokens(call, turns)
    return Cost(tuple(items))


def _billed(price: float) -> CostItem:
    """Its minutes alone: streams and machine detection are billed as lines of their own."""
    return CostItem("carrier", 1, "call", price, "billed")


def _heard_minutes(call: Call, connected: int) -> float:
    opened = call.media_opened_at or 0
    heard = (call.media_closed_at - opened) if call.media_closed_at is not None else connected
    return round(max(heard / 1000, _TRANSCRIBE_LEAST_SECONDS) / 60, 4)


def _speech(turns: Sequence[Turn]) -> list[CostItem]:
    """What was heard of the agent, by the character."""
    characters = sum(len(t.text) for t in turns if t.role == "agent")
    return [CostItem("speech", characters, "character", POLLY_NEURAL_CHARACTER)] if characters else []


def _tokens(usages: Sequence[ModelUsage]) -> Iterator[CostItem]:
    """The model's tokens as its service counted them, of conversation and summary; those of the opener are not in."""
    for used in usages:
        price = price_of(used.model)
        for kind in ("input", "cache_write", "cache_read", "output"):
            tokens = getattr(used, f"{kind}_tokens")
            dollars = None if price is None else getattr(price, kind) / MILLION
            if tokens:
                yield CostItem(f"model_{kind}", tokens, "token", dollars, model=used.model)


def _guessed_tokens(call: Call, turns: Sequence[Turn]) -> list[CostItem]:
    """A conversation's tokens as far as the transcript tells, where none were counted: each turn re-reads what was.

    So it is with calls whose media session was lost, be their summary's counted, and with those from before tokens were
    kept. The model is the summary's; where there is none, the default one.
    """
    spoken = [t for t in turns if t.role == "agent" and t.text]
    if not spoken:
        return []
    model = call.model_usage[0].model if call.model_usage else DEFAULT_MODEL
    price = price_of(model)
    read_price, written_price = (None, None) if price is None else (price.input / MILLION, price.output / MILLION)
    read = 0
    for turn in spoken:
        before = sum(len(t.text) for t in turns if t.index < turn.index)
        read += _PROMPT_TOKENS + (len(call.prompt) + before) // _CHARACTERS_A_TOKEN
    written = ceil(sum(len(t.text) for t in spoken) / _CHARACTERS_A_TOKEN)
    return [
        CostItem("model_input", read, "token", read_price, "estimated", model),
        CostItem("model_output", written, "token", written_price, "estimated", model),
    ]
