"""What counts as having said that an AI speaks."""

import pytest

from calling.domain.disclosure import AI_NOTICE, holds, lacking


@pytest.mark.parametrize(
    "text",
    [
        AI_NOTICE,
        "Hi, I'm Ava, an AI assistant at Bright Dental.",
        "Hello, this is Mia, the AI agent of Bright Dental, calling about Tuesday.",
        "Hi, this is Bright Dental's AI receptionist.",
        "Good morning, I\u2019m an AI calling from the garage.",
        "You're speaking with an A.I. assistant.",
        "THIS IS AN AI ASSISTANT SPEAKING! Hi.",
        "Hi, I am an artificial intelligence.",
    ],
)
def test_it_says_so(text: str) -> None:
    assert holds(text, AI_NOTICE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hi, this is Ava from Bright Dental.",
        "Hi, this is Ava. We sell an AI assistant.",
        "I'm not an AI, I'm Ava.",
        "This is Ava and we offer an AI agent for dentists.",
        "I am calling about an AI system.",
        "I said maybe. Aim high.",
        "Hi, this is Kai from the AI Institute.",
        "If you want an AI assistant, say yes.",
    ],
)
def test_it_does_not(text: str) -> None:
    assert not holds(text, AI_NOTICE)


def test_what_is_lacking_is_said_before() -> None:
    recorded = "This call is recorded for training."
    assert lacking("Hi, I'm an AI agent.", (AI_NOTICE, recorded)) == recorded
    assert lacking("Hi.", (AI_NOTICE, recorded)) == f"{AI_NOTICE} {recorded}"
    assert lacking("this call is recorded, for training, I am an AI.", (AI_NOTICE, recorded)) == ""
    assert lacking("Hi.", ()) == ""
