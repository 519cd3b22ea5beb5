"""From one Messages request to the content of its answer: a table of (when it applies, what is said), first match wins.

Pure: the same request has the same answer. It may look at nothing but the request.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.local.claude import replies
from infra.local.claude.dialogue import (
    Dialogue,
    Turn,
    agrees,
    asked_anything_else,
    asks_to_move,
    discreet,
    memory_due,
    someone_else,
    turns_of,
)
from infra.local.claude.hearing import heard_nothing, means, plain, said_name, spoken_words
from infra.local.claude.prompt_reading import read_brief, text_of
from infra.local.claude.replies import Block
from infra.local.claude.summary import SUMMARY_TOOL, record_summary


@dataclass(frozen=True, slots=True)
class Rule:
    """When `applies`, the answer is `reply`; `name` says what the rule is for."""

    name: str
    applies: Callable[[Dialogue], bool]
    reply: Callable[[Dialogue], list[Block]]


def answer(request: dict[str, Any]) -> list[Block]:
    """Answer the content blocks for a validated request body; tool ids are given by position."""
    system, tools = text_of(request.get("system", "")), _offered(request)
    forced = (request.get("tool_choice") or {}).get("name")
    last = request["messages"][-1]
    if forced == SUMMARY_TOOL or (SUMMARY_TOOL in tools and system.startswith("You summarise phone calls")):
        arguments = record_summary(text_of(last["content"]), _schema(request["tools"], SUMMARY_TOOL))
        return [replies.use(SUMMARY_TOOL, arguments)]
    turns = _turns(request["messages"])
    talk = Dialogue(discreet(read_brief(system), turns), turns, tools)
    if forced:
        return _forced(talk, forced, request["tools"])
    if _only_tool_results(last):
        return []  # what had to be said went with the tool
    if talk.heard.startswith("Write the opening line"):
        return replies.say(replies.opening_line(talk.brief))
    return next(rule.reply(talk) for rule in CONVERSATION if rule.applies(talk))


def _heard(*meanings: str) -> Callable[[Dialogue], bool]:
    return lambda talk: any(means(name)(talk.heard) for name in meanings)


def _hears_a_machine(talk: Dialogue) -> bool:
    return means("machine")(talk.heard) and "voicemail_detected" in talk.tools


def _other_person(talk: Dialogue) -> bool:
    return someone_else(talk) and (talk.replies == 1 or bool(said_name(talk.heard)))


def _wants_to_move(talk: Dialogue) -> bool:
    return asks_to_move(talk, talk.heard, talk.said)


def _wants_to_cancel(talk: Dialogue) -> bool:
    return means("cancel")(talk.heard) and not means("no")(talk.heard)


def _first_word_from_someone_known(talk: Dialogue) -> bool:
    asking = means("question")(talk.heard) and not talk.only_greets(talk.heard)
    return memory_due(talk) and not asking and not means("done")(talk.heard)


_CONTENT = r"(?:(?:oh|ok|okay|all right|alright|right|fine|great|perfect|lovely|good) ?)+"


def _closes(talk: Dialogue) -> bool:
    if means("done")(talk.heard):
        return True
    content = _heard("no", "thanks")(talk) or bool(re.fullmatch(_CONTENT, plain(talk.heard)))
    return asked_anything_else(talk.said) and content and not means("question")(talk.heard)


def _answers_the_question(talk: Dialogue) -> bool:
    asked = talk.purpose.check in talk.said or talk.purpose.spoken in talk.said
    return talk.purpose.kind == "ask" and asked and not talk.only_greets(talk.heard)


CONVERSATION: tuple[Rule, ...] = (
    Rule("nothing said yet", lambda talk: talk.replies == 0 and not _hears_a_machine(talk), replies.opens),
    Rule("silence", lambda talk: heard_nothing(talk.heard), replies.asks_if_there),
    Rule("a recorded greeting", _hears_a_machine, replies.hears_machine),
    Rule("no more calls", _heard("no_calls"), replies.stops_calling),
    Rule("wrong number", _heard("wrong_number"), replies.wrong_number),
    Rule("not interested", _heard("not_interested"), replies.not_interested),
    Rule(
        "another time",
        lambda talk: means("call_back")(talk.heard) and not means("move")(talk.heard),
        replies.calls_back,
    ),
    Rule("the person is not there", _heard("not_there"), replies.leaves_word),
    Rule("somebody else answered", _other_person, replies.asks_for_person),
    Rule("are you a robot?", _heard("robot"), replies.says_what_it_is),
    Rule("who is this?", _heard("who"), replies.says_who_it_is),
    Rule("say that again", _heard("repeat"), replies.repeats),
    Rule("another day or time", _wants_to_move, replies.moves),
    Rule("cancel it", _wants_to_cancel, replies.cancels),
    Rule("when is it?", _heard("when"), replies.says_when),
    Rule("first words of someone known", _first_word_from_someone_known, replies.remembers),
    Rule("that is all", _closes, replies.ends),
    Rule(
        "yes, one more thing",
        lambda talk: (
            asked_anything_else(talk.said) and bool(re.fullmatch(r"(?:oh )?ye\w+(?: please)?", plain(talk.heard)))
        ),
        replies.offers_more,
    ),
    Rule(
        "agrees",
        lambda talk: agrees(talk, talk.heard, talk.said) and not talk.heard.rstrip().endswith("?"),
        replies.accepts,
    ),
    Rule("answers the phone", lambda talk: talk.only_greets(talk.heard), replies.comes_to_the_point),
    Rule("asks something", _heard("question"), replies.answers_question),
    Rule("declines", _heard("no"), replies.accepts_refusal),
    Rule("answers what was asked", _answers_the_question, replies.notes_answer),
    Rule("thanks", _heard("thanks", "yes"), replies.is_welcome),
    Rule("anything else", lambda _: True, replies.asks_again),
)


def _forced(talk: Dialogue, name: str, tools: list[dict[str, Any]]) -> list[Block]:
    if name == "end_call":
        return [replies.use(name, {"reason": "the conversation is complete", "farewell": replies.farewell(talk)})]
    schema = _schema(tools, name)
    empty: dict[str, Any] = {"string": "", "boolean": False, "integer": 0, "number": 0, "array": [], "object": {}}
    properties = schema.get("properties", {})
    return [
        replies.use(
            name, {key: empty.get(properties.get(key, {}).get("type"), "") for key in schema.get("required", [])}
        )
    ]


def _schema(tools: list[dict[str, Any]], name: str) -> dict[str, Any]:
    schemas: list[dict[str, Any]] = [tool.get("input_schema", {}) for tool in tools if tool.get("name") == name]
    return schemas[0] if schemas else {}


def _offered(request: dict[str, Any]) -> frozenset[str]:
    if (request.get("tool_choice") or {}).get("type") == "none":
        return frozenset()
    return frozenset(tool.get("name", "") for tool in request.get("tools") or ())


def _turns(messages: list[dict[str, Any]]) -> tuple[Turn, ...]:
    said = [(message["role"], text_of(message["content"])) for message in messages if not _only_tool_results(message)]
    return turns_of([(role, spoken_words(text) if role == "user" else text) for role, text in said])


def _only_tool_results(message: dict[str, Any]) -> bool:
    content = message["content"]
    return isinstance(content, list) and bool(content) and all(block.get("type") == "tool_result" for block in content)
