"""What must hold whatever happens, checked at the carrier and in the tables, independently of the product's own code.

At every request to the carrier: caps, pace, budget, window, pause, suppression, frequency, "stop" said on a call, one
call a person. At the end: one outcome a
recipient, one terminal event a call, nothing held, nothing running.
"""

from collections import Counter, defaultdict
from datetime import datetime
from zoneinfo import ZoneInfo

from calling.domain.call import Call, CallStatus
from calling.domain.campaign import Campaign
from calling.domain.lease import ACCOUNT_POOL
from calling.domain.recipient import Recipient
from calling.ports import ExecutionState
from tests.fakes.sim.carrier_life import Post
from tests.fakes.sim.house import ACCOUNT, House
from tests.fakes.sim.lives import STOP

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# What the carrier refuses without touching it, and not for the callee's sake: nothing of anybody's budget.
_LATER = frozenset({10004, 20429, 22005})
_ACCOUNTS = frozenset(
    {10001, 10002, 10005, 20003, 20005, 20006, 20008, 20404, 21210, 21212, 21219}  # the account, the number called from
    | {13227, 21203, 21215, 32205}  # the country
)
_BLOCKED = 21216  # the callee's number or the account's doing: the attempt may have been given back
_UNTOUCHED = frozenset({"http_429"} | {f"refused {code}" for code in _LATER | _ACCOUNTS | {_BLOCKED}})
LAMBDA_MS = 10_000  # a Lambda's lifetime between its last look and its request


class Law:
    """Watches a house; `violations` says in words what was broken."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.violations: list[str] = []
        self.slack_ms = 0  # of the pace, where Lambdas stand still between two steps
        self.exact = True  # False: what a script says of a number need not come true
        self.closed: dict[str, int] = {}  # campaign → since when nobody may be dialled
        self.suppressed: dict[str, int] = {}
        self.opted_out: dict[str, int] = {}  # number → when "stop" was said on a call
        self.held: list[tuple[int, int]] = []  # from when until when nobody may be dialled
        self.ceiling: dict[str, int] = {}  # pool → places under an older, higher cap that are not free yet
        self.peak = self.peak_campaign = 0
        self.asked: Counter[str] = Counter()  # requests that count, by call
        self.by_recipient: Counter[tuple[str, int]] = Counter()
        self.dials: dict[str, list[int]] = defaultdict(list)  # requests of campaigns, by number
        self.last: dict[str, int] = {}  # of an account
        self.live: Counter[str] = Counter()  # by pool
        self.first_at: int | None = None
        self.last_at = 0

    def say(self, what: str) -> None:
        self.violations.append(f"{self.house.agenda.now_ms}: {what}")

    # ---------------------------------------------------------------- at every request

    def on_post(self, post: Post) -> None:
        call = self.house.calls.get(ACCOUNT, post.call_id)
        if call is None:
            self.say(f"a request for a call without a record: {post.call_id}")
            return
        self._pace(post)
        if any(since + LAMBDA_MS < post.at < until for since, until in self.held):
            self.say(f"{post.call_id} was dialled while the recogniser was full")
        if post.at > self.suppressed.get(post.to_number, post.at) + LAMBDA_MS:
            self.say(f"{post.call_id} was dialled though its number is on the do-not-call list")
        if post.at > self.opted_out.get(post.to_number, post.at):
            self.say(f"{post.call_id} was dialled though who has this number said 'stop' on a call")
        if self._counts(post):
            self.asked[post.call_id] += 1
            if self.asked[post.call_id] > 1:
                self.say(f"{post.call_id} was asked of the carrier twice")
        campaign = self.house.campaigns.get(ACCOUNT, call.campaign_id or "")
        if campaign is not None and call.recipient is not None:
            self._campaign(post, call, campaign)
        if post.sid is not None:
            self._lives(post, call, campaign)
            self._one_call(post)

    def _counts(self, post: Post) -> bool:
        """Tell whether a request uses up an attempt: not where the carrier refused it, or failed it, untouched."""
        placed = self.house.carrier.calls.get(post.sid or "")
        return post.answer not in _UNTOUCHED and (placed is None or placed.life.error not in _LATER)

    def _one_call(self, post: Post) -> None:
        """A person is in one call at a time. Who calls us is answered all the same, be it at the last moment."""
        calls = self.house.carrier.calls
        others = [calls[sid] for sid in self.house.carrier.in_calls_with(post.to_number) if sid != post.sid]
        if any(o.request is not None or o.began_at + LAMBDA_MS < post.at for o in others):
            self.say(f"{post.call_id} was dialled while its person was in another call with us")

    def _pace(self, post: Post) -> None:
        pace = self.house.limits.get(ACCOUNT).calls_per_second
        gap = post.at - self.last.get(post.account, -1_000_000)
        if pace > 0 and gap + self.slack_ms < 1000 / pace:
            self.say(f"{post.call_id} left {gap} ms after the one before, at {pace:g} calls a second")
        paused = self.house.pacer.slowed(ACCOUNT, post.account)
        if paused is not None and post.at + self.slack_ms < paused[0]:
            self.say(f"{post.call_id} left {paused[0] - post.at} ms before the carrier's pause was over")
        self.last[post.account] = post.at
        self.first_at = post.at if self.first_at is None else self.first_at
        self.last_at = post.at

    def _campaign(self, post: Post, call: Call, campaign: Campaign) -> None:
        recipient = self.house.campaigns.recipient(campaign, call.recipient or 0)
        if recipient is None or recipient.call_id != call.call_id:
            self.say(f"{call.call_id} was dialled for a recipient it is not the call of")
            return
        who = f"{campaign.campaign_id}#{recipient.index}"
        if self._counts(post):
            self.by_recipient[campaign.campaign_id, recipient.index] += 1
            if self.by_recipient[campaign.campaign_id, recipient.index] > campaign.max_attempts:
                self.say(f"{who} was dialled more often than {campaign.max_attempts} times")
            if not post.answer.startswith("refused"):  # that rang nobody
                self._frequency(post, who)
        since = self.closed.get(campaign.campaign_id)
        if since is not None and post.at > since + LAMBDA_MS:
            self.say(f"{who} was dialled {post.at - since} ms after its campaign was paused or canceled")
        if recipient.not_after is not None and post.at >= recipient.not_after + self.slack_ms:
            self.say(f"{who} was dialled after its not_after")
        if not window_is_open(campaign, recipient, post.at - self.slack_ms):
            self.say(f"{who} was dialled outside its window")

    def _frequency(self, post: Post, who: str) -> None:
        cap = self.house.limits.get(ACCOUNT).frequency_cap
        dials = self.dials[post.to_number]
        dials.append(post.at)
        if cap is None:
            return
        recent = [at for at in dials if at > post.at - cap.days * 86_400_000 + self.slack_ms]
        if len(recent) > cap.calls:
            self.say(f"{who}'s number was dialled {len(recent)} times in {cap.days} days")

    def _lives(self, post: Post, call: Call, campaign: Campaign | None) -> None:
        limits = self.house.limits.get(ACCOUNT)
        live = len(self.house.carrier.live)
        self.peak = max(self.peak, live)
        self._within(ACCOUNT_POOL, live, limits.max_concurrent_calls)
        if call.recipient is not None and campaign is not None:
            self.live["campaigns"] += 1
            self.live[campaign.campaign_id] += 1
            self.peak_campaign = max(self.peak_campaign, self.live["campaigns"])
            self._within("campaigns", self.live["campaigns"], limits.campaign_places)
            own = campaign.max_concurrent or limits.campaign_places
            self._within(campaign.campaign_id, self.live[campaign.campaign_id], own)
        self.check_places()

    def _within(self, pool: str, live: int, cap: int) -> None:
        if live > max(cap, self.ceiling.get(pool, 0)):
            self.say(f"{live} calls of '{pool}' live at the carrier; its cap is {cap}")

    def on_said(self, sid: str, words: str) -> None:
        """Who says it may be dialled no more from this moment on, whenever it is stored."""
        if words == STOP:
            self.opted_out.setdefault(self.house.carrier.calls[sid].call.to_number, self.house.agenda.now_ms)

    def on_end(self, sid: str) -> None:
        owner = self.house.carrier.calls[sid].owner
        call = self.house.calls.get(ACCOUNT, owner)
        if call is not None and call.recipient is not None and call.campaign_id is not None:
            self.live["campaigns"] -= 1
            self.live[call.campaign_id] -= 1
        places = self.house.leases.holders(ACCOUNT, ACCOUNT_POOL) if self.ceiling else {}
        self.ceiling = {pool: min(old, len(places)) for pool, old in self.ceiling.items()}

    def check_places(self) -> None:
        """Whoever lives at the carrier holds a place, but for those given up as unknown."""
        held = self.house.leases.pools_held.get((ACCOUNT, ACCOUNT_POOL), {})
        for sid in self.house.carrier.live:
            owner = self.house.carrier.calls[sid].owner
            call = self.house.calls.get(ACCOUNT, owner)
            if call is not None and owner not in held and call.status is not CallStatus.UNKNOWN:
                self.say(f"{owner} lives at the carrier without a place")

    # ---------------------------------------------------------------- at the end

    def at_the_end(self) -> None:
        house = self.house
        for key, held in house.leases.pools_held.items():
            if held:
                self.say(f"places are left in {key[1]}: {sorted(held)[:3]}")
        if house.lines.lines:
            self.say(f"lines are left: {list(house.lines.lines.items())[:3]}")
        if house.carrier.live:
            self.say(f"{len(house.carrier.live)} calls still live at the carrier")
        for name in house.machines.running():
            self.say(f"the execution {name} still runs")
        events = Counter(event.event_id for event in house.calls.outbox)
        for event, count in events.items():
            if count > 1:
                self.say(f"{event} was written {count} times")
        for (_, call_id), call in house.calls.calls.items():
            self._call(call_id, call, events)
        for campaign in house.campaigns.campaigns.values():
            self._ended(campaign, events)

    def _call(self, call_id: str, call: Call, events: Counter[str]) -> None:
        if not call.status.is_terminal or call.settled_at is None:
            self.say(f"{call_id} is {call.status.value} at the end")
            return
        if events[f"{call_id}#terminal"] != 1:
            self.say(f"{call_id} has {events[f'{call_id}#terminal']} terminal events")
        if call.due_at is not None:
            self.say(f"something of {call_id} is left to be done")
        if self.house.machines.states.get(call_id) not in (None, ExecutionState.OVER):
            self.say(f"the execution of {call_id} runs")
        known = self.house.carrier.calls.get(call.twilio_call_sid or "")
        if known is not None and call.status is not CallStatus.UNKNOWN and call.status.value != known.came_to.value:
            self.say(f"{call_id} is {call.status.value}, at the carrier it was {known.came_to.value}")
        if known is not None and call.answered_at is not None and known.answered_at is None:
            self.say(f"{call_id} says it was answered; at the carrier nobody answered")
        steps = [call.dial_started_at, call.ringing_at, call.answered_at, call.carrier_ended_at]
        if [at for at in steps if at is not None] != sorted(at for at in steps if at is not None):
            self.say(f"the times of {call_id} are not in order: {steps}")
        if known is not None and known.owner != call_id:
            self.say(f"{call_id} has taken the carrier's call of {known.owner}")

    def _ended(self, campaign: Campaign, events: Counter[str]) -> None:
        name = campaign.campaign_id
        if campaign.recurrence is None and not campaign.status.is_terminal:
            self.say(f"{name} is {campaign.status.value} at the end")
            return
        if campaign.status.is_terminal and events[f"{name}#completed"] != 1:
            self.say(f"{name} has {events[f'{name}#completed']} events campaign.completed")
        if campaign.imported_at is None:
            return
        recipients = list(self.house.campaigns.rows.get((ACCOUNT, name), {}).values())
        states = Counter(r.state.value for r in recipients)
        counts = self.house.campaigns.totals.get((ACCOUNT, name), {})
        if {k: v for k, v in counts.items() if v} != dict(states):
            self.say(f"{name}'s counts are {counts}, its recipients {dict(states)}")
        for recipient in recipients:
            self._recipient(campaign, recipient)

    def _recipient(self, campaign: Campaign, recipient: Recipient) -> None:
        who = f"{campaign.campaign_id}#{recipient.index}"
        if not recipient.state.is_terminal:
            self.say(f"{who} is {recipient.state.value} at the end")
            return
        asked = self.by_recipient[campaign.campaign_id, recipient.index]
        if not asked <= recipient.attempts <= campaign.max_attempts:
            self.say(f"{who}: {asked} requests, {recipient.attempts} attempts of {campaign.max_attempts}")
        calls = [self.house.calls.get(ACCOUNT, call_id) for call_id in recipient.call_ids]
        codes = [c.dial_error_code or c.carrier_error_code for c in calls if c is not None and c.dial_started_at]
        used, blocked = sum(code not in _ACCOUNTS | _LATER for code in codes), codes.count(_BLOCKED)
        if not used - blocked <= recipient.attempts <= used:
            self.say(f"{who}: {recipient.attempts} attempts; of its calls {used} used one, {blocked} of them blocked")
        if not recipient.reason:
            self.say(f"{who} ended without a reason")
        call = self.house.calls.get(ACCOUNT, recipient.call_id or "")
        known = self.house.carrier.calls.get(call.twilio_call_sid or "") if call is not None else None
        if self.exact and known is not None:
            came_to = "failed" if known.never_left else known.life.outcome
            if recipient.outcome not in (came_to, "unknown"):
                self.say(f"{who} came to {recipient.outcome}; its script says {came_to}")


def window_is_open(campaign: Campaign, recipient: Recipient, at: int) -> bool:
    """Judge a moment by the wall clocks of all the zones a person may be in."""
    window = campaign.window
    if window is None:
        return True
    for zone in recipient.zones:
        local = datetime.fromtimestamp(at / 1000, ZoneInfo(zone))
        minute, today, before = local.hour * 60 + local.minute, _DAYS[local.weekday()], _DAYS[local.weekday() - 1]
        if window.start < window.end:
            inside = window.start <= minute < window.end and today in window.days
        else:
            late, early = minute >= window.start, minute < window.end
            inside = (late and today in window.days) or (early and before in window.days)
        if not inside:
            return False
    return True
