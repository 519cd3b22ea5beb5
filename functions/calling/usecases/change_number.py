"""Change a number: where calls to it begin or cease to be wanted, its line at the carrier follows."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from calling.domain.agent import Number
from calling.domain.errors import CarrierError
from calling.domain.routing import ours, without_us
from calling.ports import AgentStore, AlreadyExists, Carrier, Clock, Credentials, Vault
from calling.usecases.find_line import find_line
from calling.usecases.import_number import claimed_elsewhere
from calling.usecases.own_account import OwnCredentials, own_account, sealed
from calling.usecases.release_line import release_line

Sent = Mapping[str, Any]  # the fields of OwnCredentials that are to change


def change_number(
    was: Number,
    number: Number,
    sent: Sent,
    *,
    public_base_url: str,
    agents: AgentStore,
    carrier: Carrier,
    credentials: Credentials,
    vault: Vault,
    clock: Clock,
) -> tuple[Number, str | None]:
    """Store `number` in place of `was`, and give it with a warning where its line could not be given back.

    New credentials are tried at the carrier before anything is changed; calls that live go on under the token they
    began with for an hour. A SID of null puts the number into the deployment's own account.

    A line that could not be given back is tried again with the next change.

    Raises:
        InvalidRequest: `missing_field`, `number_without_voice`, `verified_caller_id`.
        NotFound: `number_not_in_twilio`.
        CarrierError: `twilio_auth_failed`, or the carrier did not answer; nothing was changed.
        Conflict: `number_already_imported`: another account has it since before numbers were claimed.
        StaleRecord: the number has moved to another agent meanwhile.
    """
    if sent:
        number = sealed(number, own_account(_merged(was, sent, credentials)), vault=vault, now=clock.now())
    taken = number.inbound_enabled and (bool(sent) or not was.inbound_enabled)
    line = None
    if taken or sent:
        account = credentials.of_number(number)
        line = find_line(account, number.phone_number, inbound=number.inbound_enabled, carrier=carrier)
    warning = None
    if taken and line is not None and line.routing is not None:
        before = without_us(line.routing, was.routing_before, public_base_url, was.account_id)
        number = replace(number, routing_before=before)
    elif not number.inbound_enabled and (was.inbound_enabled or was.routing_before is not None):
        holder = number if number.twilio_sid == was.twilio_sid else was  # it stands in the account it was taken in
        held = replace(holder, inbound_enabled=True)
        warning = release_line(held, public_base_url=public_base_url, carrier=carrier, credentials=credentials)
        number = number if warning else replace(number, routing_before=None)
        warning = warning and f"{warning} The next change of this number tries it again."
    try:
        agents.put_number(number, was=was)
    except AlreadyExists as error:
        raise claimed_elsewhere() from error
    if taken and line is not None:
        try:
            carrier.route(account, line, ours(public_base_url, was.account_id))
        except CarrierError:
            # The line may be ours for all that, so what stood there stays on the record: the next change gives it back.
            agents.put_number(replace(was, routing_before=was.routing_before or number.routing_before), was=number)
            raise
    return number, warning


def _merged(was: Number, sent: Sent, credentials: Credentials) -> OwnCredentials:
    """Put what was sent over what there is; another account shares nothing with the one before."""
    there = OwnCredentials()
    if was.twilio_sid is not None and sent.get("sid", was.twilio_sid) == was.twilio_sid:
        own = credentials.of_number(was)
        there = OwnCredentials(own.sid, own.auth_token, own.region, own.api_key_sid, own.api_key_secret)
    return replace(there, **sent)
