"""`make demo`: the main job on real audio. A reminder, a second call that remembers, a voicemail, a campaign.

Everything shown comes from the HTTP API, the carrier and the customer's webhook; nothing is timed here.
"""

import asyncio
import os
import signal
import socket
import sys
import wave
from pathlib import Path
from typing import Any

import httpx

from infra.local.demo_campaign import show_campaign
from infra.local.deploy import DeployFailedError
from infra.local.house import House, stand_up
from infra.local.processes import HouseError
from infra.local.receiver import Receiver
from infra.local.settings import HouseSettings

SARAH = "+447386172392"
NOBODY_HOME = "+447386172393"
AGENT = {
    "name": "Maya",
    "system_prompt": "You are Maya from Brightside Dental, warm and brief. You may move appointments.",
    "voice_id": "Amy",
    "timezone": "Europe/London",
}
FIRST = "Remind the caller about their appointment tomorrow at 2pm."
SECOND = "Check that the appointment still suits the caller."
PEOPLE: dict[str, dict[str, Any]] = {
    # Phones ring for some seconds before anybody answers; here for three.
    "first": {
        "ring_seconds": 3,
        "lines": ["Hello?", "Hi, this is Sarah. Could we move it to Thursday at four?", "No, that is all. Bye."],
    },
    "second": {"ring_seconds": 3, "lines": ["Hello?", "Yes, speaking.", "Yes, that is fine, thank you. Goodbye."]},
    "voicemail": {"answers": "voicemail"},
}
CALL_SECONDS = 60
TERMINAL = {"completed", "busy", "no-answer", "failed", "canceled", "unknown"}
WORDS = {
    "dispatched": "has a place under the cap",
    "dialing": "asking the carrier to ring",
    "accepted": "accepted by the carrier",
    "carrier_initiated": "leaving the carrier",
    "carrier_ringing": "ringing",
    "carrier_in-progress": "answered",
    "media_opened": "media stream up",
    "machine_detection": "carrier's machine detection",
    "voicemail": "voicemail",
    "media_closed": "conversation over",
    "carrier_completed": "ended",
    "settled": "settled",
    "summarized": "summarised",
}
TOLD = {"machine_detection", "voicemail", "media_closed", "settled", "waiting", "refused"}  # their reason says more


class DemoError(RuntimeError):
    """Something the demo shows did not happen."""


class Stage:
    """A running house with a customer: places calls and shows them live."""

    def __init__(self, house: House, http: httpx.AsyncClient, receiver: Receiver) -> None:
        self.house, self.http, self.receiver = house, http, receiver

    async def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401  JSON
        """Ask the API; anything but success ends the demo."""
        headers = {"Authorization": f"Bearer {self.house.api_key}"}
        answer = await self.http.request(method, f"{self.house.api_url}/v1{path}", json=body, headers=headers)
        if answer.is_error:
            raise DemoError(f"{method} /v1{path} answered {answer.status_code}: {answer.text}")
        return answer.json()

    async def person(self, number: str, behaviour: dict[str, Any]) -> None:
        """Tell the carrier how a person behaves."""
        path = f"/_sim/people/{number.replace('+', '%2B')}"
        (await self.http.put(f"{self.house.carrier_url}{path}", json=behaviour)).raise_for_status()

    async def set_up(self) -> str:
        """Create the agent and import the number; return the agent's id."""
        agent = await self.api("POST", "/agents", {**AGENT, "webhook_url": self.receiver.url})
        number = {"phone_number": self.house.from_number, "agent_id": agent["agent_id"]}
        await self.api("POST", "/phone-numbers", number)
        print(f"agent {agent['agent_id']} ({agent['name']}) with {self.house.from_number}")
        return str(agent["agent_id"])

    async def call(self, title: str, body: dict[str, Any]) -> dict[str, Any]:
        """Place a call, show it until its webhook has come, return its record."""
        print(f"\n== {title}\n   POST /v1/calls/outbound  prompt: {body['prompt']!r}", flush=True)
        call_id = (await self.api("POST", "/calls/outbound", body))["call_id"]
        shown = Shown()
        async with asyncio.timeout(CALL_SECONDS):
            while True:
                hook = self.receiver.terminal(call_id)
                record = await self.api("GET", f"/calls/{call_id}")
                timeline = await self.api("GET", f"/calls/{call_id}/timeline")
                shown.update(record, timeline["timeline"])
                if hook is not None and record["call_status"] in TERMINAL:
                    break
                await asyncio.sleep(0.4)
        self._check(record, hook)
        return dict(record)

    def _check(self, record: dict[str, Any], hook: tuple[dict[str, Any], bool]) -> None:
        body, verified = hook
        if not verified:
            raise DemoError("the webhook's signature is wrong")
        print(f"   summary: {record['call_summary'] or 'none, no person spoke'}")
        print(f"   webhook {body['event']} ({body['event_id']}) received, signature verified by standardwebhooks")
        latency = record["latency"] or {}
        first, turns = latency.get("answer_to_first_audio_ms"), latency.get("voice_to_voice_ms") or {}
        if first is not None:
            print(
                f"   answer to first audio {first} ms; "
                f"voice to voice p50 {turns.get('p50')} ms, p95 {turns.get('p95')} ms"
            )

    async def recording(self, record: dict[str, Any]) -> None:
        """Say where the recording is, once it is in the folder."""
        path = Path(self.house.recordings_dir) / f"{record['call_id']}.wav"
        async with asyncio.timeout(10):
            while not path.exists():  # noqa: ASYNC110  another process puts it there
                await asyncio.sleep(0.2)
        with wave.open(str(path)) as sound:
            seconds = sound.getnframes() / sound.getframerate()
            print(f"   recording {path} ({seconds:.1f} s, {sound.getnchannels()} channels: left callee, right agent)")


class Shown:
    """What of a call has been printed."""

    def __init__(self) -> None:
        self.entries: set[tuple[int, str]] = set()
        self.turns = 0

    def update(self, record: dict[str, Any], timeline: list[dict[str, Any]]) -> None:
        """Print what is new: states with their time since acceptance, turns with theirs since the answer."""
        for entry in timeline:
            key = (entry["timestamp"], entry["event"])
            if key not in self.entries:
                self.entries.add(key)
                words = WORDS.get(entry["event"], entry["event"])
                reason = f": {entry['reason']}" if entry["reason"] and entry["event"] in TOLD else ""
                print(f"   {(entry['timestamp'] - timeline[0]['timestamp']) / 1000:6.2f} s  {words}{reason}")
        for turn in record["turns"][self.turns :]:
            took = f"   [{turn['latency']} ms after the caller's last word]" if turn["latency"] else ""
            span = f"{turn['started_ms'] / 1000:5.1f}-{turn['ended_ms'] / 1000:.1f} s"
            print(f"       {turn['role'].title():7} {span:12} {turn['text']}{took}")
        self.turns = len(record["turns"])
        sys.stdout.flush()


async def show(house: House) -> None:
    """Do the main job."""
    receiver = Receiver(secret=house.webhook_secret)
    receiver.start()
    try:
        async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
            stage = Stage(house, http, receiver)
            agent_id = await stage.set_up()
            call = {"agent_id": agent_id, "to_number": SARAH, "from_number": house.from_number}
            await stage.person(SARAH, PEOPLE["first"])
            first = await stage.call("A reminder", {**call, "prompt": FIRST})
            await stage.recording(first)
            await stage.person(SARAH, PEOPLE["second"])
            second = await stage.call(
                "The same person again: one line of prompt, no variables", {**call, "prompt": SECOND}
            )
            await stage.recording(second)
            await stage.person(NOBODY_HOME, PEOPLE["voicemail"])
            third = await stage.call("A voicemail", {**call, "to_number": NOBODY_HOME, "prompt": FIRST})
            judge(first, second, third)
            print("\n== A campaign: thirty people of all kinds, five at a time\n   POST /v1/calls/batch", flush=True)
            problem = await show_campaign(stage.api, http, house.carrier_url, agent_id)
            if problem is not None:
                raise DemoError(problem)
            print(
                "Campaign: everybody once, never above the cap, nobody outside the window or on the do-not-call list."
            )
    finally:
        receiver.stop()


def judge(first: dict[str, Any], second: dict[str, Any], voicemail: dict[str, Any]) -> None:
    """Check that what the demo promises has happened.

    Raises:
        DemoError: says what did not.
    """
    for record in (first, second):
        if record["call_status"] != "completed" or not record["turns"]:
            raise DemoError(f"{record['call_id']} ended {record['call_status']} ({record['ended_reason']})")
    said = " ".join(turn["text"] for turn in second["turns"][1:] if turn["role"] == "agent").lower()
    if "thursday" not in said:
        raise DemoError("the second call did not speak of what was agreed on the first")
    if not voicemail["voicemail_detected"] or voicemail["charged_minutes"] != 0:
        raise DemoError("the voicemail was not detected, or was charged")
    print(
        f"\nMemory: on the second call the agent knew what was agreed on the first."
        f"\nVoicemail: detected by {voicemail['voicemail_detection_method']}, "
        f"{voicemail['duration_ms'] / 1000:.0f} s connected, {voicemail['charged_minutes']} minutes charged."
    )


def free_ports(count: int) -> list[int]:
    """Find free ports on loopback, so that a house that stands already is left alone."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [int(s.getsockname()[1]) for s in sockets]
    finally:
        for s in sockets:
            s.close()


async def run() -> None:
    """Stand up, show, take down; Ctrl-C takes down too."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: task.cancel() if task else None)
    api, emulator, carrier, media, speech, tls = free_ports(6)
    settings = HouseSettings(
        api_port=api,
        emulator_port=emulator,
        carrier_port=carrier,
        media_port=media,
        speech_port=speech,
        speech_tls_port=tls,
        speech=os.environ.get("SPEECH") or "real",
    )
    print("Standing the house up: emulated cloud, simulated carrier, speech ...", flush=True)
    async with stand_up(settings, publish=False) as house:
        await show(house)
        print("\nTaking the house down ...", flush=True)


def main() -> None:
    """Run."""
    try:
        asyncio.run(run())
    except (HouseError, DeployFailedError, DemoError, TimeoutError) as error:
        sys.exit(f"The demo failed: {error or 'a call took too long'}")
    except asyncio.CancelledError:
        sys.exit(130)


if __name__ == "__main__":
    main()
