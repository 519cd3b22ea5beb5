"""The local Claude's rules: words follow the prompt that was sent, and nothing else."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calling.domain.agent import Agent, Number
from calling.domain.call import Call as OutboundCall
from calling.domain.call import Direction
from calling.domain.history import CallSummary
from calling.domain.phone_number import PhoneNumber
from calling.domain.prompt import (
    SUMMARY_SYSTEM,
    SUMMARY_TOOL,
    Brief,
    opener_request,
    summary_request,
    system_prompt,
)
from calling.domain.transcript import Turn
from infra.local.claude.hearing import only_greets, preference, said_name
from infra.local.claude.prompt_reading import read_brief
from infra.local.claude.purpose import read_purpose, to_second_person
from infra.local.claude.rules import answer
from infra.local.claude.slots import slots_in, wanted_slot

SAID = (Turn(0, "agent", "Hello.", 0, 1), Turn(1, "caller", "Yes, this is Ana.", 2, 3))
NOTHING_HEARD = "(The callee has answered and said nothing yet.)"
TOOLS = [{"name": name, "input_schema": {"type": "object"}} for name in ("end_call", "voicemail_detected")]
STOP_CALLING = {"name": "stop_calling", "input_schema": {"type": "object"}}
REMINDER = "Remind the caller about their appointment tomorrow at 2pm."


def prompt(
    purpose: str = REMINDER,
    instructions: str = "You are Maya from Brightside Dental.",
    person: str = "",
    past: tuple[str, ...] = (),
    rules: str = "- Plain sentences.",
) -> str:
    calls = "\n".join(f'<call date="2026-11-20" outcome="completed">{summary}</call>' for summary in past)
    sections = {
        "identity": "You are Untitled Agent, an AI agent speaking on the phone with a person.\n"
        "Today is Saturday, 21 November 2026, 14:05 in Europe/London.",
        "instructions": instructions,
        "purpose": purpose,
        "person": person,
        "past_calls": calls,
        "rules": rules,
    }
    return "\n\n".join(f"<{tag}>\n{text}\n</{tag}>" for tag, text in sections.items() if text)


class Call:
    """A conversation held with the rules, turn by turn, as the media process holds it."""

    def __init__(self, system: str, tools: list[dict[str, Any]] = TOOLS) -> None:
        self.system, self.tools, self.ended = system, tools, False
        self.purpose = system.split("<purpose>\n")[1].split("\n</purpose>", maxsplit=1)[0]
        asked = [{"role": "user", "content": "Write the opening line of this call: greet, say who is calling and why."}]
        self.opener = answer({"system": system, "messages": asked})[0]["text"]
        self.messages = [
            {"role": "user", "content": NOTHING_HEARD},
            {"role": "assistant", "content": self.opener},
        ]
        self.transcript = [f"Agent: {self.opener}"]

    def hears(self, words: str) -> str:
        """Answer what the agent says: its text, or its farewell where it ends the call."""
        blocks = self.blocks(words)
        said = " ".join(b["text"] if b["type"] == "text" else b["input"].get("farewell", "") for b in blocks).strip()
        self.ended = any(block.get("name") == "end_call" for block in blocks)
        self.messages.append({"role": "assistant", "content": said})
        self.transcript.append(f"Agent: {said}")
        return said

    def blocks(self, words: str) -> list[dict[str, Any]]:
        self.messages.append({"role": "user", "content": words})
        self.transcript.append(f"Caller: {words}")
        return answer({"system": self.system, "messages": self.messages, "tools": self.tools})

    def summary(self, date: str = "Saturday, 21 November 2026", schema: dict[str, Any] | None = None) -> dict[str, Any]:
        lines = "\n".join(self.transcript)
        text = f"<purpose>\n{self.purpose}\n</purpose>\n<date>{date}</date>\n<transcript>\n{lines}\n</transcript>"
        request = {
            "system": "You summarise phone calls. Then call record_summary.",
            "messages": [{"role": "user", "content": text}],
            "tools": [{"name": "record_summary", "input_schema": schema or {"type": "object"}}],
            "tool_choice": {"type": "tool", "name": "record_summary"},
        }
        [block] = answer(request)
        assert block["name"] == "record_summary"
        arguments: dict[str, Any] = block["input"]
        return arguments


@pytest.mark.parametrize(
    ("instructions", "purpose", "opener"),
    [
        (
            "You are Maya from Brightside Dental. Be warm.",
            REMINDER,
            (
                "Hello, this is Maya from Brightside Dental."
                " I'm calling to remind you about your appointment tomorrow at 2pm."
            ),
        ),
        (
            "Your name is Leo. You work for Harbour & Sons.",
            "Ask the customer whether they would like to renew their cover.",
            "Hello, this is Leo from Harbour & Sons. I'm calling to ask whether you'd like to renew your cover.",
        ),
        (
            "You are the receptionist of Oakfield Vets.",
            "Tell Ana Lopez that her dog is ready to go home on 3 December.",
            (
                "Hello, this is Oakfield Vets."
                " I'm calling to let you know that your dog is ready to go home on 3 December."
            ),
        ),
        (
            "Be brief.",
            "Tuesday reminders",
            "Hello, this is an AI assistant. I'm calling about the following: Tuesday reminders.",
        ),
    ],
)
def test_the_opener_is_made_of_the_prompt(instructions: str, purpose: str, opener: str) -> None:
    assert Call(prompt(purpose, instructions)).opener == opener


@pytest.mark.parametrize(
    ("order", "spoken"),
    [
        ("Confirm the patient's booking for Friday at noon", "I'm calling to confirm your booking for Friday at noon."),
        ("Find out how the customer's delivery went.", "I'm calling to ask how your delivery went."),
        ("Follow up with the lead on their quote.", "I'm calling to follow up on your quote."),
        ("Invite Tom to the open day on 5 December.", "I'm calling to invite you to the open day on 5 December."),
        (
            "Survey the customer about their recent stay.",
            "I'm calling to ask you a few questions about your recent stay.",
        ),
        (
            "Please call Omar to remind him that he is due a check.",
            "I'm calling to remind you that you are due a check.",
        ),
        ("Let the caller know the shop closes early.", "I'm calling to let you know the shop closes early."),
        ("Ask the caller to bring their card.", "I'm calling to ask you to bring your card."),
        ("Renew the member's subscription.", "I'm calling to renew your subscription."),
        ("Remind the caller about {thing} on Monday.", "I'm calling to remind you about on Monday."),
    ],
)
def test_an_order_to_the_agent_becomes_speech_to_the_person(order: str, spoken: str) -> None:
    assert read_purpose(read_brief(f"<purpose>\n{order}\n</purpose>").purpose).spoken == spoken


def test_a_second_order_is_said_before_the_call_closes() -> None:
    call = Call(prompt(f"{REMINDER} Ask them to bring their insurance card. If they are rude, stay calm."))
    assert call.hears("Yes, that's fine.") == (
        "Great, so that's tomorrow at 2pm. I'm also calling to ask you to bring your insurance card."
    )
    assert call.hears("OK, I will.").endswith("Is there anything else I can help you with?")


@pytest.mark.parametrize(
    ("heard", "slot"),
    [
        ("could we move it to thursday at four", "Thursday at four"),
        ("I can't do Friday, could we do Monday at half past ten?", "Monday at half past ten"),
        ("4 o'clock on Thursday", "Thursday at 4 o'clock"),
        ("Friday at ten instead of Thursday at four", "Friday at ten"),
        ("Thursday doesn't suit me, how about Friday morning", "Friday morning"),
        ("Thursday at 4 p.m. please", "Thursday at 4 p.m."),
        ("is the 5th of December free", "the 5th of December"),
        ("Thursday. Around four?", "Thursday at four"),
        ("a table for two", None),
        ("not tomorrow", None),
    ],
)
def test_days_and_times_are_found_in_the_words_they_were_said_in(heard: str, slot: str | None) -> None:
    wanted = wanted_slot(heard)
    assert (str(wanted) if wanted else None) == slot


def test_a_slot_knows_its_preposition() -> None:
    assert [slot.when for slot in slots_in("Thursday at four, tomorrow at 2pm, next week")] == [
        "on Thursday at four",
        "tomorrow at 2pm",
        "next week",
    ]


@pytest.mark.parametrize(
    ("request_", "slot", "goodbye"),
    [
        ("Could we move it to Thursday at four?", "Thursday at four", "See you on Thursday at four."),
        ("Can you make it next Monday at 9:30 instead", "next Monday at 9:30", "See you next Monday at 9:30."),
        ("Is 12 January at noon possible instead?", "12 January at noon", "See you on 12 January at noon."),
    ],
)
def test_it_moves_to_the_day_asked_for_and_says_goodbye_to_fit(request_: str, slot: str, goodbye: str) -> None:
    call = Call(prompt())
    assert call.hears("Hello, this is Sarah.") == "Thank you, Sarah. Does that suit you?"
    assert call.hears(request_) == (
        f"Of course, Sarah. I've moved it to {slot}. Is there anything else I can help you with?"
    )
    assert call.hears("No thanks, that's all. Goodbye.") == f"Thank you, Sarah. {goodbye} Goodbye."
    assert call.ended


def test_it_asks_for_what_is_missing_of_a_day_and_time() -> None:
    call = Call(prompt())
    assert (
        call.hears("I can't make it tomorrow, could we move it?")
        == "Of course. What day and time would suit you better?"
    )
    assert call.hears("Friday") == "Of course. What time on Friday would suit you?"
    assert call.hears("Ten o'clock.").startswith("Of course. I've moved it to Friday at ten o'clock.")


@pytest.mark.parametrize("person", ["Sarah", "Omar"])
@pytest.mark.parametrize("slot", ["Thursday at four", "3 December at noon"])
def test_with_history_it_knows_and_without_it_does_not(person: str, slot: str) -> None:
    past = f"The call was to remind {person} about a visit. {person} moved the appointment to {slot}."
    purpose = "Remind the caller about their appointment."
    knowing, blank = Call(prompt(purpose, past=(past,))), Call(prompt(purpose))
    assert person not in knowing.opener
    assert slot not in knowing.opener
    assert knowing.hears("Hello?") == (
        f"Hello {person}. Last time we spoke, you moved your appointment to {slot}. Does that still suit you?"
    )
    assert knowing.hears("Yes, it does.") == (
        f"Great, {person}, so that's {slot}. Is there anything else I can help you with?"
    )
    assert slot in knowing.hears("No, bye.")
    said = [blank.hears("Hello?"), blank.hears("When is it?"), blank.hears("No, bye.")]
    assert "in front of me" in said[1]
    assert not any(person in line or slot in line or "Last time" in line for line in said)


def test_history_is_told_once_and_not_to_somebody_else() -> None:
    past = ("Sarah moved the appointment to Thursday at four.",)
    call = Call(prompt(past=past))
    assert "Last time" in call.hears("Hello")
    assert "Last time" not in call.hears("Hm, right, okay.")
    brisk = Call(prompt(past=past))
    assert brisk.hears("Thanks, bye.") == "Thank you, Sarah. See you on Thursday at four. Goodbye."
    other = Call(prompt(past=past))
    assert other.hears("Hello, Tom speaking.") == "Thank you, Tom. Could I speak to Sarah, please?"
    assert "Thursday" not in other.hears("She's at work, can I take a message?")
    assert other.ended


def test_history_waits_for_confirmation_where_the_prompt_asks_for_it() -> None:
    rules = "- You have spoken before: say nothing of it until they have confirmed who they are."
    call = Call(prompt(past=("Sarah moved the appointment to Thursday at four.",), rules=rules))
    assert "Thursday" not in call.hears("Hello?")
    assert "Thursday at four" in call.hears("Yes, this is Sarah.")


def test_it_reads_the_prompts_redial_really_writes() -> None:
    number = PhoneNumber("+447386172392")
    agent = Agent("acct_1", "agent_1", 0, name="Leo", system_prompt="You are Leo from Oakfield Vets.")
    call = OutboundCall(
        "acct_1", "call_1", "agent_1", Direction.OUTBOUND, number, number, 0, prompt="Confirm the visit."
    )
    past = CallSummary("acct_1", number, "call_0", "agent_1", 0, "completed", "Ana moved the visit to Friday at <ten>.")
    brief = Brief(agent, Number("acct_1", "agent_1", number, 0), call, 0, (past,), {"name": "Ana"})
    system, opening = system_prompt(brief, with_history=True), system_prompt(brief, with_history=False)
    asked = [{"role": "user", "content": opener_request(brief)}]
    assert answer({"system": opening, "messages": asked}) == [
        {"type": "text", "text": "Hello, this is Leo from Oakfield Vets. I'm calling to confirm the visit."}
    ]
    messages = [
        {"role": "user", "content": NOTHING_HEARD},
        {"role": "assistant", "content": "Hello, this is Leo."},
        {"role": "user", "content": "Hello?"},
    ]
    assert answer({"system": system, "messages": messages, "tools": TOOLS})[0]["text"] == (
        "Hello Ana. Last time we spoke, you moved your visit to Friday at <ten>. Does that still suit you?"
    )
    request = {
        "system": SUMMARY_SYSTEM,
        "messages": [{"role": "user", "content": summary_request(brief, SAID)}],
        "tools": [SUMMARY_TOOL],
        "tool_choice": {"type": "tool", "name": SUMMARY_TOOL["name"]},
    }
    assert answer(request)[0]["input"]["person"] == {"name": "Ana"}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.text(max_size=60), st.sampled_from(["Hello?", "Yes.", "No.", "move it to Friday", "at ten", "bye"])
        ),
        min_size=1,
        max_size=4,
    ),
    st.text(max_size=80),
)
def test_every_conversation_has_an_answer(lines: list[str], purpose: str) -> None:
    call = Call(prompt(purpose.replace("<", "") or "?", past=("Ana moved the visit to Friday at ten.",)))
    for line in lines:
        blocks = call.blocks(line)
        assert blocks
        assert all(block["type"] == "tool_use" or block["text"] for block in blocks)
    assert call.summary()["sentiment"] in ("happy", "neutral", "frustrated")


def test_a_question_about_when_is_answered_from_what_is_known() -> None:
    assert Call(prompt()).hears("Sorry, when is it?") == "Your appointment is tomorrow at 2pm. Does that suit you?"
    known = Call(prompt("Remind the caller about their booking.", past=("Ana booked a table for Friday at eight.",)))
    assert "Friday at eight" in known.hears("Remind me, what time was it?")


def test_the_summary_becomes_the_next_calls_memory() -> None:
    first = Call(prompt())
    first.hears("Hello, Sarah speaking.")
    first.hears("Could we move it to Thursday at four?")
    first.hears("That's all, thank you, bye.")
    record = first.summary()
    assert record["summary"] == (
        "The call was to remind Sarah about their appointment on Sunday 22 November at 2pm."
        " Sarah moved the appointment to Thursday at four."
    )
    assert (record["successful"], record["sentiment"], record["person"]) == (True, "neutral", {"name": "Sarah"})
    second = Call(prompt("Remind the caller about their appointment.", past=(record["summary"],)))
    assert "Last time we spoke, you moved your appointment to Thursday at four." in second.hears("Hello?")
    second.hears("Yes, perfect.")
    second.hears("No, goodbye.")
    again = second.summary("Tuesday, 24 November 2026")
    assert "Sarah confirmed the appointment for Thursday at four." in again["summary"]
    assert again["sentiment"] == "happy"


@pytest.mark.parametrize(
    ("words", "fact", "successful", "sentiment"),
    [
        ("Stop calling me, this is ridiculous.", "asked not to be called again", False, "frustrated"),
        ("You have the wrong number.", "wrong number", False, "neutral"),
        ("I'm not interested, sorry.", "not interested", False, "neutral"),
        ("Can you call me back on Monday at ten?", "asked to be called back on Monday at ten", False, "neutral"),
        ("Yes, that works, lovely.", "confirmed the appointment for Sunday 22 November at 2pm", True, "happy"),
        ("Please cancel it.", "cancelled the appointment", False, "neutral"),
    ],
)
def test_the_summary_says_what_came_of_it(words: str, fact: str, successful: bool, sentiment: str) -> None:
    call = Call(prompt())
    call.hears(words)
    record = call.summary()
    assert fact in record["summary"]
    assert (record["successful"], record["sentiment"]) == (successful, sentiment)


def test_the_summary_notes_answers_preferences_and_extracted_fields() -> None:
    call = Call(prompt("Ask the customer how their stay was."))
    call.hears("Hi, my name is Ana.")
    call.hears("It was quiet, and I'd prefer mornings for calls.")
    record = call.summary()
    assert 'Ana answered: "It was quiet, and I\'d prefer mornings for calls."' in record["summary"]
    assert record["person"] == {"name": "Ana", "preference": "mornings for calls"}
    moved = Call(prompt())
    moved.hears("Could we move it to Friday at ten?")
    schema: dict[str, Any] = {
        "properties": {"extracted": {"properties": {"new_day": {}, "new_time": {}, "budget": {}}}}
    }
    assert moved.summary(schema=schema)["extracted"] == {"new_day": "Friday", "new_time": "ten"}


@pytest.mark.parametrize(
    ("words", "farewell"),
    [
        ("Sorry, wrong number.", "I'm sorry, I must have the wrong number. Apologies for troubling you. Goodbye."),
        ("I'm not interested.", "I understand. I'm sorry to have troubled you. Goodbye."),
        ("I'm driving, ring me later.", "Of course. We'll call you back another time. Goodbye."),
        ("Goodbye.", "Thank you for your time. Goodbye."),
    ],
)
def test_it_ends_the_call_by_the_tool(words: str, farewell: str) -> None:
    [block] = Call(prompt()).blocks(words)
    assert block["name"] == "end_call"
    assert block["input"]["farewell"] == farewell
    assert block["input"]["reason"]


def test_a_forced_tool_is_used_with_what_its_schema_requires() -> None:
    note = {
        "name": "note",
        "input_schema": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}},
    }
    request = {"system": prompt(), "messages": [{"role": "user", "content": "Hello"}], "tools": [*TOOLS, note]}
    [ended] = answer({**request, "tool_choice": {"type": "tool", "name": "end_call"}})
    assert set(ended["input"]) == {"reason", "farewell"}
    [noted] = answer({**request, "tool_choice": {"type": "tool", "name": "note"}})
    assert noted["input"] == {"n": 0}
    [unused] = answer({**request, "tool_choice": {"type": "none"}})
    assert unused["type"] == "text"


def test_without_the_tool_it_says_goodbye_in_words() -> None:
    assert Call(prompt(), tools=[]).blocks("Goodbye.") == [
        {"type": "text", "text": "Thank you for your time. Goodbye."}
    ]


def test_a_wish_not_to_be_called_uses_the_tool_where_it_is_offered() -> None:
    names = [block["name"] for block in Call(prompt(), tools=[*TOOLS, STOP_CALLING]).blocks("Don't call me again.")]
    assert names == ["stop_calling", "end_call"]
    assert [block["name"] for block in Call(prompt()).blocks("Don't call me again.")] == ["end_call"]


@pytest.mark.parametrize(
    "greeting",
    [
        "Hi, you've reached Tom. Please leave a message after the tone.",
        "The person you are calling is not available.",
        "I can't come to the phone right now.",
    ],
)
def test_a_recorded_greeting_is_reported(greeting: str) -> None:
    assert [block["name"] for block in Call(prompt()).blocks(greeting)] == ["voicemail_detected"]


def test_it_says_who_and_what_it_is() -> None:
    call = Call(prompt("Tell the caller that the road is closed.", "You are Leo from Harbour Cars."))
    assert call.hears("Who is this?").startswith(
        "This is Leo from Harbour Cars. I'm calling to let you know that the road is closed."
    )
    assert call.hears("Are you a robot?").startswith("I'm an AI assistant calling from Harbour Cars.")


def test_questions_are_answered_from_the_instructions_or_not_at_all() -> None:
    call = Call(prompt(instructions="You are Maya from Brightside. Parking is free behind the building. Never haggle."))
    assert call.hears("Is there any parking?").startswith("Parking is free behind the building.")
    assert call.hears("How much does it cost?").startswith("I'm afraid I don't have that in front of me")


def test_silence_and_noise_are_asked_about_and_then_let_go() -> None:
    call = Call(prompt())
    assert call.hears("(The callee says nothing.)") == "Hello? Are you still there?"
    assert call.hears("(The callee says nothing.)").endswith("Goodbye.")
    assert call.ended
    assert Call(prompt()).hears("Goodbye. (The callee says nothing.)").endswith("Goodbye.")
    noisy = Call(prompt())
    lines = [noisy.hears("flub"), noisy.hears("grumble"), noisy.hears("wibble")]
    assert lines[0] == (
        "Sorry, I didn't catch that. I'm calling to remind you about your appointment tomorrow at 2pm."
        " Does that suit you?"
    )
    assert noisy.ended


def test_nothing_follows_the_result_of_a_tool() -> None:
    use = {"type": "tool_use", "id": "toolu_1", "name": "end_call", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"}
    messages = [
        {"role": "user", "content": "Bye"},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result]},
    ]
    assert answer({"system": prompt(), "messages": messages, "tools": TOOLS}) == []


def test_the_same_request_has_the_same_answer() -> None:
    assert [Call(prompt()).hears("Hello, this is Sarah.") for _ in range(3)].count(
        "Thank you, Sarah. Does that suit you?"
    ) == 3


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Hello, this is Sarah.", "Sarah"),
        ("tom speaking", "Tom"),
        ("I'm Ana.", "Ana"),
        ("I'm fine", None),
        ("Speaking.", None),
    ],
)
def test_a_name_is_heard_where_one_is_given(words: str, name: str | None) -> None:
    assert said_name(words) == name


def test_small_readings() -> None:
    assert only_greets("Yes? Hello, this is Sarah.")
    assert not only_greets("Hello, who is this?")
    assert preference("I'd prefer mornings, thanks") == "mornings"
    assert to_second_person("Sarah moved her visit and Sarah's card", "Sarah") == "you moved your visit and your card"
    brief = read_brief(prompt(person="name: Sarah Chen\npreference: mornings", past=("A &lt;b&gt; said no.",)))
    assert (brief.agent_name, brief.company, brief.recorded_name) == ("Maya", "Brightside Dental", "Sarah")
    assert brief.past_calls[0].summary == "A <b> said no."
