"""Honour "stop calling me": put who says so on a call on the do-not-call list, before anybody could call again."""

from collections.abc import Iterable

from calling.domain.call import Call
from calling.domain.contact import SuppressionSource
from calling.domain.do_not_call import asks_not_to_be_called
from calling.domain.transcript import Turn
from calling.ports import ContactStore


def honour_opt_out(call: Call, turns: Iterable[Turn], *, contacts: ContactStore, now: int) -> bool:
    """Suppress the person on a call if they asked for it in these turns; True where they did. Safe to repeat.

    What a machine says is nobody's wish, once it is known for one. A wish heard before that verdict stands: that
    somebody is not called is the smaller harm.
    """
    if call.voicemail_detected or not call.person_is_known:
        return False
    if not asks_not_to_be_called(turns):
        return False
    contacts.suppress(
        call.account_id,
        call.person,
        at=now,
        by=SuppressionSource.CALL,
        why="asked on a call not to be called any more",
        call_id=call.call_id,
    )
    return True
