"""A media server as a process of its own, on a house in memory, with the real SDKs at the endpoints it is given.

A process of its own, because awscrt reads SSL_CERT_FILE once, when it is loaded. It prints its port, serves until its
standard input ends, then prints what its stores hold, as JSON, and writes recordings into the folder it was given.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import sys
from pathlib import Path

from calling.ports import ModelAccess
from media.door import CarrierDoor
from media.llm import LlmSettings
from media.llm import provider as llm_provider
from media.server import MediaServer
from media.stt import SttSettings
from media.stt import provider as stt_provider
from media.tts import TtsSettings
from media.tts import provider as tts_provider
from tests.contracts.media_world import URL, World


async def serve(call_ids: list[str], folder: Path) -> World:
    world = World()
    for call_id in call_ids:
        world.dialled(call_id)
    speech = os.environ["SPEECH_URL"]
    house = world.house(
        stt_provider(
            "transcribe", SttSettings("us-east-1", os.environ["TRANSCRIBE_ENDPOINT_URL"]), refused=lambda: None
        ),
        tts_provider("polly", TtsSettings("us-east-1", speech)),
        llm_provider("claude", LlmSettings("claude-haiku-5-5", ModelAccess(api_key="local", base_url=speech))),
    )
    server = MediaServer(house, CarrierDoor(house, URL))
    print(await server.start("127.0.0.1", 0), flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.read)
    await server.drain(10)
    await house.tts.close()
    await house.llm.close()
    for key, (data, _) in world.blobs.blobs.items():
        if key.endswith(".wav"):
            (folder / Path(key).name).write_bytes(data)
    return world


def main() -> None:
    world = asyncio.run(serve(sys.argv[2:], Path(sys.argv[1])))
    facts = {
        call.call_id: {
            "reason": call.media_reason,
            "closed": call.media_closed_at is not None,
            "recording": call.recording_key,
            "first_audio_ms": call.first_audio_ms,
            "voice_to_voice_ms": call.voice_to_voice_ms,
            "model_usage": [dataclasses.asdict(used) for used in call.model_usage],
            "turns": [dataclasses.asdict(turn) for turn in world.calls.turns(call.account_id, call.call_id)],
            "hung_up": call.twilio_call_sid in world.carrier.hung_up,
        }
        for call in world.calls.calls.values()
    }
    print(json.dumps(facts))  # noqa: T201


if __name__ == "__main__":
    main()
