"""Campaigns on the laptop's house, with scripted speech: how long until the first dial, and how full the cap is kept.

    make bench-house

1. Accept 10,000 recipients inline: seconds until the answer, and from the answer to the first request at the carrier.
2. Slot utilisation: 40 recipients at cap 5 whose calls last 20 seconds; the seconds that calls lived at the carrier,
   over cap times the seconds from the first dial until the last one began.

All times of calls are the carrier's own. Two cores carry few Lambdas: the figure is the laptop's, not AWS's.
"""

import asyncio
import time
from typing import Any

import httpx

from infra.local.demo import free_ports
from infra.local.demo_campaign import most_at_once
from infra.local.house import House, stand_up
from infra.local.settings import HouseSettings

MANY, CAP, PEOPLE, TALK_SECONDS = 10_000, 5, 40, 20
_LIMIT_SECONDS = 900


class Bench:
    """A house and its API."""

    def __init__(self, house: House, http: httpx.AsyncClient) -> None:
        self.house, self.http = house, http

    async def api(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.house.api_key}"}
        answer = await self.http.request(method, f"{self.house.api_url}/v1{path}", json=body, headers=headers)
        answer.raise_for_status()
        return answer.json()

    async def calls(self, numbers: set[str]) -> list[dict[str, Any]]:
        """What the carrier was asked for, of these people."""
        found: list[dict[str, Any]] = (await self.http.get(f"{self.house.carrier_url}/_sim/calls")).json()
        return [call for call in found if call["to"] in numbers]

    async def people(self, behaviour: dict[str, Any]) -> None:
        """Make everybody behave alike."""
        url = f"{self.house.carrier_url}/_sim/people"
        (await self.http.put(url, json={"default": behaviour})).raise_for_status()

    async def accept_many(self, agent_id: str) -> None:
        """Measure the first figure."""
        await self.people({"answers": "busy", "ring_seconds": 0})
        numbers = {f"+4471120{n:05}" for n in range(MANY)}
        rows = [{"phone_number": number} for number in sorted(numbers)]
        body = {"agent_id": agent_id, "name": "Many", "recipients": rows, "schedule_type": "now"}
        began = time.time()
        created = await self.api("POST", "/calls/batch", body)
        accepted = time.time()
        path = f"/calls/batch/{created['campaign_id']}"
        async with asyncio.timeout(_LIMIT_SECONDS):
            while not (calls := await self.calls(numbers)):  # noqa: ASYNC110  another process's news
                await asyncio.sleep(0.2)
        await self.api("POST", f"{path}/cancel")
        first = min(call["created_at"] for call in calls)
        print(f"{MANY:,} recipients accepted in {accepted - began:.2f} s; first dial {first - accepted:.2f} s after")

    async def utilisation(self, agent_id: str) -> None:
        """Measure the second figure."""
        await self.people({"ring_seconds": 0, "lines": ["Hello?"], "talk_seconds": TALK_SECONDS})
        numbers = {f"+4471130{n:05}" for n in range(PEOPLE)}
        body = {"agent_id": agent_id, "name": "Twenty seconds", "schedule_type": "now", "max_concurrent": CAP}
        rows = [{"phone_number": number} for number in sorted(numbers)]
        created = await self.api("POST", "/calls/batch", body | {"recipients": rows})
        async with asyncio.timeout(_LIMIT_SECONDS):
            while (campaign := await self.api("GET", f"/calls/batch/{created['campaign_id']}"))["status"] == "running":  # noqa: ASYNC110  likewise
                await asyncio.sleep(1)
        calls = await self.calls(numbers)
        began, last = (pick(call["created_at"] for call in calls) for pick in (min, max))
        lived = sum(min(call["ended_at"], last) - call["created_at"] for call in calls)
        print(
            f"{campaign['completed']} of {PEOPLE} completed, {len(calls)} calls, peak {most_at_once(calls)} of {CAP}; "
            f"utilisation {lived / (CAP * (last - began)):.1%} over {last - began:.0f} s"
        )


async def main() -> None:
    """Stand a house up, measure, take it down."""
    api, emulator, carrier, media, speech, tls = free_ports(6)
    settings = HouseSettings(api, emulator, carrier, media, speech, tls, speech="scripted", cap=20)
    async with stand_up(settings, publish=False) as house, httpx.AsyncClient(timeout=60, trust_env=False) as http:
        bench = Bench(house, http)
        agent = await bench.api("POST", "/agents", {"name": "Maya", "record_call": False})
        agent_id = str(agent["agent_id"])
        await bench.api("POST", "/phone-numbers", {"phone_number": house.from_number, "agent_id": agent_id})
        await bench.utilisation(agent_id)
        await bench.accept_many(agent_id)


if __name__ == "__main__":
    asyncio.run(main())
