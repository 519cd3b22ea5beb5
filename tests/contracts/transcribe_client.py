"""Runs streams through the real Transcribe SDK and prints what came back, as JSON.

A process of its own, because the SDK's TLS reads SSL_CERT_FILE once, when it is loaded. Standard input:
{"url": ..., "shared": false, "streams": [{"pcm": base64, "rate": 8000, "chunk": 320, "language": "en-US",
"end": true}]} (shared: one client, and so one connection, for all of them).
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from typing import Any

from amazon_transcribe.auth import StaticCredentialResolver
from amazon_transcribe.client import TranscribeStreamingClient
from amazon_transcribe.endpoints import StaticEndpointResolver
from amazon_transcribe.exceptions import ServiceException


async def stream(client: TranscribeStreamingClient, wanted: dict[str, Any]) -> dict[str, Any]:
    events: list[dict[str, Any]] = []
    try:
        opened = await client.start_stream_transcription(
            language_code=wanted.get("language", "en-US"),
            media_sample_rate_hz=wanted.get("rate", 8000),
            media_encoding="pcm",
            enable_partial_results_stabilization=True,
            partial_results_stability="high",
        )
        pcm, chunk = base64.b64decode(wanted["pcm"]), wanted.get("chunk", 320)

        async def send() -> None:
            for at in range(0, len(pcm), chunk):
                await opened.input_stream.send_audio_event(audio_chunk=pcm[at : at + chunk])
            if wanted.get("end", True):
                await opened.input_stream.end_stream()  # type: ignore[no-untyped-call]  # the SDK's own

        sending = asyncio.create_task(send())
        async for event in opened.output_stream:
            events += [described(result) for result in event.transcript.results]
        await sending
    except ServiceException as error:
        return {"events": events, "error": type(error).__name__, "message": str(error)}
    return {"events": events, "error": None, "session": opened.response.session_id}


def described(result: Any) -> dict[str, Any]:
    (alternative,) = result.alternatives
    items = [vars(item) for item in alternative.items]
    return {
        "text": alternative.transcript,
        "partial": result.is_partial,
        "id": result.result_id,
        "start": result.start_time,
        "end": result.end_time,
        "items": items,
    }


async def main() -> None:
    asked = json.load(sys.stdin)

    def client() -> TranscribeStreamingClient:
        """A client, and with it a connection; all streams of one share it."""
        return TranscribeStreamingClient(
            region="us-east-1",
            endpoint_resolver=StaticEndpointResolver(asked["url"]),  # type: ignore[no-untyped-call]  # the SDK's own
            credential_resolver=StaticCredentialResolver("AKIDLOCAL", "secretlocal"),
        )

    if asked.get("shared"):
        one = client()
        answers = [await stream(one, wanted) for wanted in asked["streams"]]
    else:
        answers = await asyncio.gather(*(stream(client(), wanted) for wanted in asked["streams"]))
    print(json.dumps(answers), flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main())
    os._exit(0)  # the SDK's event loop threads do not end by themselves
