"""How well a campaign uses its places, what each call costs in AWS, and how a million rows are read.

    make bench-campaigns
    python -m tests.benchmarks.campaign_utilisation places 1000     # one of: places, cost, import

The pure core runs on in-memory stores in virtual time (tests/fakes/sim); what AWS and the carrier take is modelled by
constants: a transition of Step Functions 30 ms, SQS from send to receive 20 ms, a Lambda 50 ms, a POST to the carrier
100 ms, each give or take a half. Utilisation is measured from the first dial to the last: the share of that time in
which places were held, and in which calls lived at the carrier. Between the two are the steps of the house, 0.08 s
before the ringing and 0.21 s after the end: for calls of two seconds 'live' cannot exceed 87 %.
It reports; what must hold is asserted in tests/unit/campaigns.
"""

import resource
import sys
from collections.abc import Iterator, Sequence
from random import Random
from time import monotonic
from typing import Any

from calling.domain.campaign import Campaign, Counts
from calling.domain.events import Event
from calling.domain.limits import Limits
from calling.domain.recipient import Recipient
from calling.usecases.import_recipients import Progress, import_recipients
from tests.fakes.campaigns import MemoryCampaignStore
from tests.fakes.clock import ManualClock
from tests.fakes.outside import MemoryBlobs
from tests.fakes.sim.campaign_world import CampaignWorld, numbers
from tests.fakes.sim.house import ACCOUNT, FROM
from tests.fakes.sim.lives import human
from tests.fakes.stores import MemoryCallStore

# US list prices. A read is a strongly consistent one of up to 4 KB, a write of up to 1 KB.
TRANSITION, LAMBDA, GB_SECOND, SQS = 25e-6, 0.2e-6, 0.0000133, 0.4e-6
WRITE, READ = 0.625e-6, 0.125e-6
GB, BILLED_SECONDS = 0.5, 0.06  # of a Lambda's run: memory, and the time of a warm one
TWILIO_MINUTE, AMD_CALL, STREAM_MINUTE = 0.0140, 0.0075, 0.0044
S3_PUT = 5e-6
# How many units of the table a call of a port takes: (writes, reads). A transaction counts twice for each item; a
# recipient's change moves the counts, and may bring a call's record (about 2 KB).
UNITS: dict[str, tuple[float, float]] = {
    "calls.get": (0, 1), "calls.change": (2, 0), "calls.add": (2, 0), "calls.turns": (0, 0.5), "calls.due": (0, 0.5),
    "campaigns.get": (0, 1), "campaigns.change": (2, 0), "campaigns.recipient": (0, 1), "campaigns.counts": (0, 1),
    "campaigns.change_recipient": (6, 0), "campaigns.count_outcome": (1, 0), "campaigns.outcomes": (0, 3),
    "contacts.get": (0, 1), "contacts.count_dial": (1, 0), "contacts.suppress": (1, 0), "ceilings.get": (0, 0.5),
    "limits.get": (0, 1), "agents.get_agent": (0, 1), "agents.get_number": (0, 1),
    "leases.take": (1, 0.2), "leases.release": (1, 0), "leases.renew": (1, 0),
    "lines.acquire": (1, 0), "lines.release": (1, 0), "pacer.reserve": (1, 0), "people.summaries": (0, 0.5),
    "people.caller": (0, 0.5),
}  # fmt: skip


def campaign(count: int, cap: int, talks: float, *, rings: float = 0.0, reserve: int = 0) -> tuple[CampaignWorld, str]:
    """Run a campaign without a fault or a pace, so that nothing but the house limits it.

    Calls and latencies vary by a quarter and by a half of themselves, or all would move in step.
    """
    world = CampaignWorld(limits=Limits(cap, reserve, 0, None), max_call_duration_seconds=600)
    world.jitter = 0.5
    chance, phones = Random(1), numbers(count)
    for phone in phones:
        world.lives(phone, human(talks * chance.uniform(0.75, 1.25), rings=rings))
    campaign_id = world.create(phones)
    world.run()
    return world, campaign_id


def utilisation(world: CampaignWorld, cap: int) -> tuple[float, float]:
    """Share of the places' time in which they were held, and in which a call lived, up to the last dial."""
    posts = world.carrier.posts
    first, last = posts[0].at, posts[-1].at
    whole = cap * (last - first)
    calls = {call.call_id: call for call in world.calls.calls.values()}
    held = sum(_within(calls[p.call_id].created_at, calls[p.call_id].settled_at or last, first, last) for p in posts)
    lived = sum(
        _within(post.at, world.carrier.calls[post.sid or ""].call.ended_at or last, first, last) for post in posts
    )
    return held / whole, lived / whole


def _within(begin: int, end: int, first: int, last: int) -> int:
    return max(0, min(end, last) - max(begin, first))


def places(counts: Sequence[int]) -> None:
    """Utilisation, peak and growth at cap 100 with calls of two seconds; and where calls are long and places few."""
    heads = f"{'recipients':>11}{'cap':>5}{'talk s':>8}{'peak':>6}{'held':>8}{'live':>8}"
    print(f"{heads}{'virtual s':>11}{'wall s':>8}{'RSS + MB':>10}{'at once':>9}")
    walls = list[float]()
    sizes = [(count, 100, 2.0) for count in counts]
    for count, cap, talks in [*sizes, (counts[0], 100, 60.0), (200, 5, 20.0)]:
        before, began = _memory(), monotonic()
        world, _ = campaign(count, cap, talks)
        wall, (held, lived) = monotonic() - began, utilisation(world, cap)
        world.close()
        walls.append(wall)
        print(
            f"{count:>11,}{cap:>5}{talks:>8}{world.law.peak:>6}{held:>8.1%}{lived:>8.1%}"
            f"{world.seconds():>11.0f}{wall:>8.1f}{_memory() - before:>10.0f}{world.agenda.most:>9}"
        )
    if len(counts) > 1:
        print(f"{counts[1]:,} recipients took {walls[1] / walls[0]:.1f} times as long as {counts[0]:,}")


def cost() -> None:
    """What a call costs in AWS beside the carrier, where calls are long and places few, and where both are not."""
    for count, cap, talks, rings in ((400, 20, 57.0, 8.0), (1000, 100, 2.0, 0.0)):
        world, _ = campaign(count, cap, talks, rings=rings, reserve=2)
        _cost(world, count, cap, talks)
        world.close()


def _cost(world: CampaignWorld, count: int, cap: int, seconds: float) -> None:
    print(f"\n{count:,} calls of {seconds:.0f} s at cap {cap}, two of it kept for single calls: for each call")
    invocations = {name: runs / count for name, runs in world.invocations.items()}
    print("  Lambda      ", _row(invocations), f"= {sum(invocations.values()):.2f}")
    requests = {name: (queue.sends + 2 * queue.receives) / count for name, queue in world.queues.items()}
    print("  SQS         ", _row(requests), f"= {sum(requests.values()):.2f} (send, receive, delete; batches of one)")
    transitions = {name: n / count for name, n in world.machines.transitions.items()}
    print("  transitions ", _row(transitions), f"= {sum(transitions.values()):.2f}")
    used = {name: n / count for name, n in world.used.items() if name in UNITS}
    print("  table       ", _row(used))
    writes, reads = (sum(n * UNITS[name][kind] for name, n in used.items()) for kind in (0, 1))
    print(f"  table        about {writes:.1f} write units, {reads:.1f} read units")
    parts = {
        "Step Functions": sum(transitions.values()) * TRANSITION,
        "Lambda": sum(invocations.values()) * (LAMBDA + GB * BILLED_SECONDS * GB_SECOND),
        "SQS": sum(requests.values()) * SQS,
        "DynamoDB": writes * WRITE + reads * READ,
    }
    whole = sum(parts.values())
    minutes = -(-seconds // 60)
    carrier = minutes * (TWILIO_MINUTE + STREAM_MINUTE) + AMD_CALL
    print(f"  AWS, 1,000 calls: {_row({k: 1000 * v for k, v in parts.items()}, 3)} = ${1000 * whole:.3f}")
    print(f"  Twilio, 1,000 calls: ${1000 * carrier:.2f} ({minutes:.0f} min each); AWS is {whole / carrier:.2%} of it")


def _row(figures: dict[str, float], digits: int = 2) -> str:
    shown = sorted(((n, name) for name, n in figures.items() if round(n, digits) > 0), reverse=True)
    return ", ".join(f"{name} {n:.{digits}f}" for n, name in shown)


class _Counting(MemoryCampaignStore):
    """Keeps the campaign and counts recipients."""

    stored = 0

    def put_recipients(self, campaign: Campaign, recipients: Sequence[Recipient]) -> None:
        self.stored += len(recipients)


class _Generated(MemoryBlobs):
    """A list that is made while it is read."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows

    def chunks(self, key: str) -> Iterator[bytes]:
        yield b"phone,name,city\n"
        for first in range(0, self.rows, 1000):
            lines = (f"+4473{n:08},Sam {n},Leeds\n" for n in range(first, min(first + 1000, self.rows)))
            yield "".join(lines).encode()


def rows(count: int = 1_000_000) -> None:
    """Read a list of a million rows; how fast, and in how much memory."""
    clock, calls = ManualClock(), MemoryCallStore()
    for size in (count // 10, count):
        store, blobs = _Counting(calls), _Generated(size)
        campaign_id = f"camp_{size}"
        store.add(Campaign(ACCOUNT, campaign_id, "agent_1", FROM, 0, source_key="list", shards=16))
        before, began = _memory(), monotonic()
        ports: dict[str, Any] = {"campaigns": store, "blobs": blobs, "clock": clock}
        answer = import_recipients(ACCOUNT, campaign_id, progress=Progress(), until=clock.now() + 1, **ports)
        took = monotonic() - began
        found = store.get(ACCOUNT, campaign_id)
        assert answer == {"result": "done"}
        assert found is not None
        assert store.counts(found) == Counts(pending=size)
        assert all(isinstance(event, Event) for event in calls.outbox)
        print(f"{size:>11,} rows: {size / took:>9,.0f} rows/s, {took:.1f} s, peak RSS + {_memory() - before:.0f} MB")


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(what: str = "all", *sizes: str) -> None:
    """Run all three, or one."""
    if what in ("all", "import"):
        rows(*(int(size) for size in sizes[:1]))
    if what in ("all", "places"):
        places([int(size) for size in sizes] or [1_000, 10_000])
    if what in ("all", "cost"):
        cost()


if __name__ == "__main__":
    main(*sys.argv[1:])
