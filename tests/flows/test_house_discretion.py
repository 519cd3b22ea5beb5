"""No line of any log of the house holds a secret, a prompt, a spoken word or a telephone number."""

from urllib.parse import quote

from tests.flows.house_story import MARKED_PROMPT, MARKED_VARIABLE, MARKED_WORDS, PEOPLE, PURPOSE, SARAH_AGAIN, Story

LOGS = {"carrier.log", "emulator.log", "house.log", "lambdas.log", "media.log", "speech.log"}


def test_every_process_keeps_a_log(story: Story) -> None:
    assert {path.name for path in (story.running.own.folder / "local" / "logs").iterdir()} | {"house.log"} == LOGS
    lines = [line for name, line in story.running.log_lines() if name == "lambdas.log"]
    for call_id in story.ids.values():
        assert any(call_id in line for line in lines), "what the Lambdas log of a call is to be found here"


def test_no_log_tells_what_must_not_be_told(story: Story) -> None:
    forbidden = secrets(story) | words(story) | numbers(story)
    assert all(forbidden.values())
    found = {
        f"{what} in {name}"
        for name, line in story.running.log_lines()
        for what, text in forbidden.items()
        if text.lower() in line.lower()
    }
    assert found == set()


def secrets(story: Story) -> dict[str, str]:
    house = story.running.house
    given = {
        "the API key's secret": house["api_key"].partition(":")[2],
        "the webhook secret": house["webhook_secret"].removeprefix("whsec_"),
        "the carrier's token": house["auth_token"],
    }
    answered = [call_id for who, call_id in story.ids.items() if PEOPLE.get(who, {}).get("answers") != "refuse"]
    tokens = {f"the stream token of {call_id}": story.running.stream_token(call_id) for call_id in answered}
    return given | tokens | {f"the MAC of {name}": token.partition(".")[2] for name, token in tokens.items()}


def words(story: Story) -> dict[str, str]:
    spoken = [line for person in (*PEOPLE.values(), SARAH_AGAIN) for line in person.get("lines", []) if len(line) > 10]
    heard = [turn["text"] for record in story.records.values() for turn in record["turns"] if len(turn["text"]) > 10]
    summaries = [record["call_summary"] for record in story.records.values() if record["call_summary"]]
    marks = [MARKED_PROMPT, MARKED_PROMPT.split()[0], MARKED_VARIABLE, *MARKED_WORDS, PURPOSE, "appointment"]
    return {f"the words {text!r}": text for text in (*spoken, *heard, *summaries, *marks)}


def numbers(story: Story) -> dict[str, str]:
    known = [*PEOPLE, story.running.house["from_number"], story.running.house["from_number_2"]]
    forms = {number: (number, number.removeprefix("+"), quote(number, safe="")) for number in known}
    return {f"the number {form}": form for all_forms in forms.values() for form in all_forms}
