"""The demo's last act: a campaign of thirty people of all kinds, five at a time, and the proof at the carrier.

What is shown of the campaign comes from the HTTP API; what is proved (how many calls lived at once, that nobody was
called twice) is counted in the carrier's own list of calls.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

CAP = 5
PURPOSE = "Ask whether the appointment on Thursday at four still suits."
SECONDS = 240
_HUMAN: dict[str, Any] = {"lines": ["Hello?", "Yes, that suits me. Goodbye."], "after_lines": "hangup"}
_KINDS: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("answers", 14, _HUMAN | {"talk_seconds": 7}),
    ("hangs up at once", 2, {"lines": ["Hello?"], "talk_seconds": 2}),
    ("voicemail", 5, {"answers": "voicemail"}),
    ("busy", 3, {"answers": "busy"}),
    ("does not answer", 2, {"answers": "no-answer"}),
    ("fails (SIP 404)", 1, {"answers": "fail"}),
    ("refused (Twilio 21211)", 1, {"answers": "refuse"}),
    ("on the do-not-call list", 1, {}),
    ("outside the window there", 1, {}),
)
ENDS = ("completed", "failed", "no_answer", "busy", "voicemail", "skipped", "canceled")
EXPECTED: dict[str, set[str]] = {
    "answers": {"completed"},
    "hangs up at once": {"completed"},
    "voicemail": {"voicemail"},
    "busy": {"busy"},
    "does not answer": {"no_answer"},
    "fails (SIP 404)": {"failed"},
    "refused (Twilio 21211)": {"failed"},
    "on the do-not-call list": {"skipped"},
    "outside the window there": {"skipped"},
}
Api = Callable[..., Awaitable[Any]]


def people() -> list[tuple[str, str, dict[str, Any]]]:
    """Give thirty people, kinds mixed: (number, kind, behaviour at the carrier)."""
    left = {kind: count for kind, count, _ in _KINDS}
    mixed: list[tuple[str, dict[str, Any]]] = []
    while any(left.values()):
        for kind, _, behaviour in _KINDS:
            if left[kind]:
                left[kind] -= 1
                mixed.append((kind, behaviour))
    return [(f"+44711100{n:04}", kind, behaviour) for n, (kind, behaviour) in enumerate(mixed)]


async def show_campaign(api: Api, http: httpx.AsyncClient, carrier_url: str, agent_id: str) -> str | None:
    """Run the campaign and show it; what is wrong with it, None where all is as promised."""
    everybody = people()
    listed = {number: kind for number, kind, _ in everybody}
    await http.put(f"{carrier_url}/_sim/people", json={number: behaviour for number, _, behaviour in everybody})
    for number, kind in listed.items():
        if kind == "on the do-not-call list":
            await api("PUT", f"/suppressions/{number.replace('+', '%2B')}", {"reason": "asked in writing"})
    created = await api("POST", "/calls/batch", _request(agent_id, listed, datetime.now(UTC)))
    campaign_id = str(created["campaign_id"])
    print(f"   {campaign_id}: {created['valid_count']} recipients, {created['duplicate_count']} twice in the list")

    async def placed_calls() -> list[dict[str, Any]]:
        return [c for c in (await http.get(f"{carrier_url}/_sim/calls")).json() if c["to"] in listed]

    await _watch(api, campaign_id, len(listed), placed_calls)
    recipients = await api("GET", f"/calls/batch/{campaign_id}/recipients?limit=200")
    _table(listed, recipients)
    return _judge(listed, recipients, await placed_calls())


def _request(agent_id: str, listed: dict[str, str], now: datetime) -> dict[str, Any]:
    """Write the campaign: one row stands twice, and one person is where the window is shut until it is too late."""
    rows: list[dict[str, Any]] = [{"phone_number": number} for number in listed]
    for row in rows:
        if listed[row["phone_number"]].startswith("outside"):
            row |= {"timezone": "Pacific/Auckland", "not_after": (now + timedelta(hours=1)).isoformat()}
    minute = now.astimezone(ZoneInfo("Europe/London")).hour * 60
    return {
        "agent_id": agent_id,
        "name": "Thursday reminders",
        "prompt": PURPOSE,
        "recipients": [*rows, {"phone_number": rows[0]["phone_number"]}],
        "schedule_type": "now",
        "timezone": "Europe/London",
        "window_start_minutes": (minute - 180) % 1440,  # three hours before and after now, in London
        "window_end_minutes": (minute + 240) % 1440,
        "max_concurrent": CAP,
    }


async def _watch(api: Api, campaign_id: str, total: int, placed: Callable[[], Awaitable[list[dict[str, Any]]]]) -> None:
    """Show a bar until the campaign is over; where the output is no terminal, a line now and then.

    Who is done comes from the API, who is on the line from the carrier.
    """
    columns = (TextColumn("   {task.description}"), BarColumn(40), MofNCompleteColumn(), TimeElapsedColumn())
    shown = ""
    with Progress(*columns, disable=not sys.stdout.isatty()) as bar:
        task = bar.add_task("calling", total=total)
        async with asyncio.timeout(SECONDS):
            while True:
                campaign = await api("GET", f"/calls/batch/{campaign_id}")
                done = sum(campaign[name] for name in ENDS)
                live = sum(call["ended_at"] is None for call in await placed())
                bar.update(task, completed=done, description=f"{live} on the line")
                line = f"   {done:2} of {total} done, {live} on the line"
                if not sys.stdout.isatty() and line != shown:
                    print(line, flush=True)
                    shown = line
                if campaign["status"] not in ("running", "importing"):
                    break
                await asyncio.sleep(1)


def _table(listed: dict[str, str], recipients: list[dict[str, Any]]) -> None:
    """Show what became of whom, kind by kind."""
    table = Table("people", "how many", "outcome", "attempts", "why")
    kinds: dict[str, list[dict[str, Any]]] = {}
    for recipient in recipients:
        kinds.setdefault(listed[recipient["phone_number"]], []).append(recipient)
    for kind, found in kinds.items():
        for (state, reason), count in Counter((r["state"], r["reason"]) for r in found).items():
            attempts = sum(r["attempts"] for r in found if (r["state"], r["reason"]) == (state, reason))
            table.add_row(kind, str(count), state, str(attempts), reason)
    Console(width=120).print(table)


def _judge(listed: dict[str, str], recipients: list[dict[str, Any]], placed: list[dict[str, Any]]) -> str | None:
    """Hold the carrier's list against what was promised, and say it; the first broken promise, or None."""
    dialled = Counter(call["to"] for call in placed)
    peak = most_at_once(placed)
    states = {r["phone_number"]: r["state"] for r in recipients}
    print(
        f"   At the carrier: {len(placed)} calls to {len(dialled)} numbers, "
        f"each called {max(dialled.values(), default=0)} time; at most {peak} lived at once (cap {CAP})."
    )
    if max(dialled.values(), default=0) != 1:
        return "somebody was called twice"
    if peak > CAP:
        return f"{peak} calls lived at once, the cap is {CAP}"
    wrong = {n: states.get(n) for n, kind in listed.items() if states.get(n) not in EXPECTED[kind]}
    if wrong:
        return f"outcomes are not what they should be: {sorted((listed[n], str(s)) for n, s in wrong.items())}"
    return None


def most_at_once(calls: list[dict[str, Any]]) -> int:
    """Count how many calls lived at once at most, by the carrier's own times (epoch seconds; an end may be null)."""
    moments = [(call["created_at"], 1) for call in calls]
    moments += [(call["ended_at"], -1) for call in calls if call["ended_at"] is not None]
    alive = most = 0
    for _, change in sorted(moments):
        alive += change
        most = max(most, alive)
    return most
