"""Learn from a call that the carrier refused for too many at once how many its account allows."""

from calling.domain.call import Call
from calling.domain.ceiling import Ceiling
from calling.domain.lease import CARRIERS, holder_in
from calling.ports import CeilingStore, Clock, LeasePool


def learn_ceiling(
    call: Call, carrier_account: str, *, leases: LeasePool, ceilings: CeilingStore, clock: Clock
) -> Ceiling | None:
    """Give the refused call's place in the carrier account's pool back; as many as live then are its ceiling.

    None where none of ours lives: the calls that were too many are not this deployment's.
    """
    leases.release(CARRIERS, carrier_account, holder_in(CARRIERS, call.account_id, call.call_id))
    return ceilings.learn(carrier_account, len(leases.holders(CARRIERS, carrier_account)), now=clock.now())
