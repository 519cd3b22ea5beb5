"""The Lambdas' handlers as far as they matter here: which use case a function runs, with which ports.

The names are those of the state machines' substitutions and of template.yaml. A function is given a `Wiring`, which
hands out the house's ports as one run of a Lambda sees them, and the event.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol

from calling.domain.campaign import Ticket
from calling.domain.errors import InvalidRequest, NotFound
from calling.usecases.answer_inbound import InboundPorts, answer_inbound
from calling.usecases.await_due import await_due
from calling.usecases.create_campaign import CreatePorts, create_campaign
from calling.usecases.defer_recipient import defer_recipient
from calling.usecases.dial_call import DialPorts, DialSettings, dial_call
from calling.usecases.dispatch_dial import Dispatched, dispatch_dial
from calling.usecases.dispatch_recipient import DoorPorts, dispatch_recipient
from calling.usecases.import_recipients import Progress, import_recipients
from calling.usecases.plan_pass import LastPass, PlanPorts, plan_pass
from calling.usecases.prepare_opener import prepare_opener
from calling.usecases.reap_leases import ReapPorts, reap_leases
from calling.usecases.record_progress import record_machine_detection, record_progress
from calling.usecases.resolve_call import ResolvePorts, resolve_call
from calling.usecases.settle_call import SettlePorts, settle_call
from calling.usecases.start_campaign import start_campaign
from calling.usecases.summarize_call import summarize_call
from calling.usecases.watch_call import watch_call

SETTINGS = DialSettings("http://api", "wss://media")
_RECORD_LATE = 3  # receives after which a message without a record is dropped, as in dispatch_dial's handler


class Wiring(Protocol):
    """A run's way to its ports."""

    import_ms: int

    def __call__(self, name: str) -> Any:
        """Give a port."""


class MissingRecord(Exception):
    """The message's record has not come: it comes again."""


def _resolve(port: Wiring) -> ResolvePorts:
    return ResolvePorts(port("calls"), port("agents"), port("credentials"), port("carrier"), port("clock"))


def _settle(port: Wiring) -> SettlePorts:
    return SettlePorts(
        calls=port("calls"),
        contacts=port("contacts"),
        campaigns=port("campaigns"),
        limits=port("limits"),
        leases=port("leases"),
        ceilings=port("ceilings"),
        lines=port("lines"),
        campaign_workflow=port("campaign_workflow"),
        clock=port("clock"),
    )


def _import(port: Wiring, event: Mapping[str, Any]) -> Any:
    answer = import_recipients(
        event["account_id"],
        event["campaign_id"],
        progress=Progress(**(event["progress"] or {})),
        until=port("clock").now() + port.import_ms,
        gave_up=event["gave_up"],
        campaigns=port("campaigns"),
        blobs=port("blobs"),
        clock=port("clock"),
    )
    return {"progress": None, **answer}


_NOTHING = {
    "bucket": "",
    "key": "",
    **dict.fromkeys(("count", "gone", "at", "concurrency", "seconds", "signal", "until"), 0),
}


def _plan(port: Wiring, event: Mapping[str, Any]) -> Any:
    ports = PlanPorts(
        campaigns=port("campaigns"),
        contacts=port("contacts"),
        limits=port("limits"),
        leases=port("leases"),
        blobs=port("blobs"),
        workflow=port("campaign_workflow"),
        clock=port("clock"),
    )
    number = event["number"]
    last = LastPass(**event["last"])
    ids = (event["account_id"], event["campaign_id"])
    plan = plan_pass(*ids, generation=event["generation"], number=number, last=last, ports=ports)
    return {**_NOTHING, **plan, "next": number + 1}


def _await(port: Wiring, event: Mapping[str, Any]) -> Any:
    await_due(
        event["account_id"],
        event["campaign_id"],
        event["token"],
        signal=event["signal"],
        until=event["until"],
        campaigns=port("campaigns"),
        workflow=port("campaign_workflow"),
    )


def ticket_of(body: Mapping[str, Any]) -> Ticket:
    """Read a ticket's message: of the state machine (ISO time) or of ours (epoch ms)."""
    since = body["since"]
    at = since if isinstance(since, int) else round(datetime.fromisoformat(since).timestamp() * 1000)
    return Ticket(**{**body, "since": at})


def _dispatch_recipient(port: Wiring, event: Mapping[str, Any]) -> Any:
    ports = DoorPorts(
        campaigns=port("campaigns"),
        contacts=port("contacts"),
        limits=port("limits"),
        hold=port("hold"),
        calls=port("calls"),
        agents=port("agents"),
        credentials=port("credentials"),
        pacer=port("pacer"),
        leases=port("leases"),
        ceilings=port("ceilings"),
        lines=port("lines"),
        queue=port("recipient_queue"),
        workflow=port("workflow"),
        campaign_workflow=port("campaign_workflow"),
        opener=port("opener"),
        clock=port("clock"),
    )
    return {"result": dispatch_recipient(ticket_of(event), ports=ports).value}


def _defer(port: Wiring, event: Mapping[str, Any]) -> Any:
    defer_recipient(
        ticket_of(event),
        campaigns=port("campaigns"),
        calls=port("calls"),
        leases=port("leases"),
        lines=port("lines"),
        workflow=port("campaign_workflow"),
        clock=port("clock"),
    )


def _dispatch_dial(port: Wiring, event: Mapping[str, Any]) -> Any:
    what = dispatch_dial(
        event["account_id"],
        event["call_id"],
        limits=port("limits"),
        hold=port("hold"),
        campaigns=port("campaigns"),
        calls=port("calls"),
        leases=port("leases"),
        lines=port("lines"),
        queue=port("queue"),
        workflow=port("workflow"),
        opener=port("opener"),
        clock=port("clock"),
    )
    if what is Dispatched.MISSING and event["receives"] < _RECORD_LATE:
        raise MissingRecord


def _dial(port: Wiring, event: Mapping[str, Any]) -> Any:
    names = (
        "calls", "agents", "credentials", "carrier", "limits", "hold", "contacts", "campaigns", "pacer", "leases",
        "lines", "ceilings", "workflow", "watches", "clock",
    )  # fmt: skip
    ports = DialPorts(*(port(name) for name in names))
    dial_call(event["account_id"], event["call_id"], event["token"], ports=ports, settings=SETTINGS)


def _resolve_call(port: Wiring, event: Mapping[str, Any]) -> Any:
    return {"seconds": 0, **resolve_call(event["account_id"], event["call_id"], ports=_resolve(port))}


def _settle_call(port: Wiring, event: Mapping[str, Any]) -> Any:
    failed = event["summary_failed"]
    settled = settle_call(event["account_id"], event["call_id"], summary_failed=failed, ports=_settle(port))
    return {"seconds": 0, **settled}


def _summarize(port: Wiring, event: Mapping[str, Any]) -> Any:
    summarize_call(
        event["account_id"],
        event["call_id"],
        calls=port("calls"),
        agents=port("agents"),
        people=port("people"),
        model=port("model"),
        clock=port("clock"),
    )


def _status(port: Wiring, event: Mapping[str, Any]) -> Any:
    ids = event["account_id"], event["call_id"]
    with suppress(NotFound):
        ports = {name: port(name) for name in ("calls", "leases", "workflow")}
        record_progress(*ids, event["fact"], **ports)


def _inbound(port: Wiring, event: Mapping[str, Any]) -> Any:
    names = ("calls", "leases", "lines", "agents", "credentials", "workflow", "clock")
    ports = InboundPorts(**{name: port(name) for name in names})
    return answer_inbound(
        event["account_id"],
        sid=event["sid"],
        caller=event["caller"],
        stir_verstat=None,
        called=event["called"],
        public_base_url=SETTINGS.public_base_url,
        media_public_url=SETTINGS.media_public_url,
        ports=ports,
    )


def _verdict(port: Wiring, event: Mapping[str, Any]) -> Any:
    with suppress(NotFound):
        record_machine_detection(
            event["account_id"],
            event["call_id"],
            sid=event["sid"],
            answered_by=event["answered_by"],
            at=port("clock").now(),
            calls=port("calls"),
        )


def _watch(port: Wiring, event: Mapping[str, Any]) -> Any:
    ids = event["account_id"], event["call_id"]
    watch_call(*ids, ports=_resolve(port), watches=port("watches"), workflow=port("workflow"))


def _reap(port: Wiring, _event: Mapping[str, Any]) -> Any:
    return reap_leases(
        ports=ReapPorts(
            resolve=_resolve(port),
            leases=port("leases"),
            ceilings=port("ceilings"),
            lines=port("lines"),
            queue=port("queue"),
            workflow=port("workflow"),
            contacts=port("contacts"),
            campaigns=port("campaigns"),
            limits=port("limits"),
            campaign_workflow=port("campaign_workflow"),
        )
    )


def _start(port: Wiring, event: Mapping[str, Any]) -> Any:
    with suppress(NotFound, InvalidRequest):
        start_campaign(
            event["account_id"],
            event["campaign_id"],
            occasion=event["occasion"],
            campaigns=port("campaigns"),
            workflow=port("campaign_workflow"),
            scheduler=port("scheduler"),
            clock=port("clock"),
        )


def _create(port: Wiring, event: Mapping[str, Any]) -> Any:
    ports = CreatePorts(
        campaigns=port("campaigns"),
        agents=port("agents"),
        blobs=port("blobs"),
        workflow=port("campaign_workflow"),
        scheduler=port("scheduler"),
        clock=port("clock"),
        ids=port("ids"),
    )
    create_campaign(event["account_id"], event["request"], ports=ports, once=event["once"])


def _opener(port: Wiring, event: Mapping[str, Any]) -> Any:
    prepare_opener(
        event["account_id"],
        event["call_id"],
        calls=port("calls"),
        agents=port("agents"),
        people=port("people"),
        model=port("opener_model"),
        speech=port("speech"),
        blobs=port("blobs"),
        clock=port("clock"),
    )


LAMBDAS: dict[str, Callable[[Wiring, Mapping[str, Any]], Any]] = {
    "Api": _create,
    "StartCampaign": _start,
    "ImportRecipients": _import,
    "PlanPass": _plan,
    "AwaitDue": _await,
    "DispatchRecipient": _dispatch_recipient,
    "DeferRecipient": _defer,
    "DispatchDial": _dispatch_dial,
    "PrepareOpener": _opener,
    "DialCall": _dial,
    "TwilioWebhooks": _status,
    "TwilioVerdicts": _verdict,
    "TwilioInbound": _inbound,
    "WatchCall": _watch,
    "ResolveCall": _resolve_call,
    "SettleCall": _settle_call,
    "SummarizeCall": _summarize,
    "ReapLeases": _reap,
}
SLEEPERS = frozenset({"DialCall", "ImportRecipients", "DispatchDial"})  # they wait for a slot, or for a record
