"""What happens in the session's house: eight calls, placed at once so that they live side by side, and one after."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from tests.flows.house_world import Running, eventually

SARAH, STRANGER, MACHINE = "+447386172392", "+447386172394", "+447386172395"  # the first is the seed's own
BUSY, FAILING, REFUSED, AWAY = "+447386172396", "+447386172397", "+447386172398", "+447386172399"
PURPOSE = "Remind the caller about their appointment tomorrow at 2pm."
ONE_LINE = "Check that the appointment still suits the caller."
MARKED_PROMPT = "Quillfeather is the watchword of this deployment and must never be written down."
MARKED_VARIABLE = "Xylotomous"
MARKED_WORDS = ("Bergamot", "Thursday")  # spoken
PEOPLE: dict[str, dict[str, Any]] = {
    SARAH: {"lines": ["Hello?", "Hi, this is Sarah. Could we move it to Thursday at four?", "No, that is all. Bye."]},
    STRANGER: {"lines": ["Hello?", "Yes, hello.", "It is Bergamot here. Goodbye."]},
    MACHINE: {"answers": "voicemail"},
    BUSY: {"answers": "busy"},
    FAILING: {"answers": "fail"},
    REFUSED: {"answers": "refuse"},
    AWAY: {"answers": "no-answer"},
}
SARAH_AGAIN = {"lines": ["Hello?", "Yes, hello.", "Yes, that is perfect.", "No, thank you. Goodbye."]}


@dataclass(slots=True)
class Story:
    """Ids by what was called; records once they have ended."""

    running: Running
    agent_id: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)

    def begin(self) -> None:
        """Place the first calls."""
        running, number = self.running, self.running.house["from_number"]
        self.agent_id = running.agent(number, system_prompt=f"You are Maya from Brightside Dental. {MARKED_PROMPT}")
        for to, behaviour in PEOPLE.items():
            running.person(to, **behaviour)
        purposes = {SARAH: PURPOSE, STRANGER: ONE_LINE}
        for to in (AWAY, SARAH, STRANGER, MACHINE, BUSY, FAILING, REFUSED):
            # The seed's own request: its four fields, with this house's agent and numbers.
            body: dict[str, Any] = {"agent_id": self.agent_id, "to_number": to, "prompt": purposes.get(to, PURPOSE)}
            body["from_number"] = number
            if to == BUSY:
                body |= {"dynamic_vars": {"mark": MARKED_VARIABLE}, "metadata": {"order": 7}}
            self.ids[to] = running.place(body)
            if to == AWAY:  # the longest call goes first; Lambdas that have been started once fork faster for the rest
                eventually(lambda: running.record(self.ids[AWAY])["call_status"] == "ringing", 60, every=0.2)

    def go_on(self) -> "Story":
        """Call Sarah a second time as soon as her first call is over, then wait for all."""
        running = self.running
        self.records[SARAH] = running.ended(self.ids[SARAH])
        running.person(SARAH, **SARAH_AGAIN)
        body = {"agent_id": self.agent_id, "to_number": SARAH, "prompt": ONE_LINE}
        self.ids["again"] = running.place(body | {"from_number": running.house["from_number"]})
        for to, call_id in self.ids.items():
            self.records[to] = running.ended(call_id, 90)
        return self


class Telling:
    """The story while it goes on in a thread."""

    def __init__(self, running: Running) -> None:
        self._story = Story(running)
        self._story.begin()
        self._thread = ThreadPoolExecutor(1)
        self._end: Future[Story] = self._thread.submit(self._story.go_on)

    @property
    def ids(self) -> dict[str, str]:
        """The calls placed so far."""
        return self._story.ids

    def told(self) -> Story:
        return self._end.result(timeout=150)

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)
