"""Gather all an agent knows before it speaks."""

from calling.domain.agent import Number
from calling.domain.call import Call
from calling.domain.errors import NotFound
from calling.domain.history import choose, known_facts
from calling.domain.prompt import Brief
from calling.ports import AgentStore, Clock, PeopleStore

_CALLS_READ = 50  # a few calls are told, but a name learnt long ago is still the person's name


def brief_call(call: Call, *, agents: AgentStore, people: PeopleStore, clock: Clock) -> Brief:
    """Read agent, number and what past calls with this person came to.

    Raises:
        NotFound: `agent_not_found`, `phone_number_not_found`: deleted since the call was accepted.
    """
    found = agents.get_agent(call.account_id, call.agent_id)
    if found is None:
        raise NotFound("The call's agent is gone.", code="agent_not_found")
    agent, numbers = found
    number: Number | None = next((n for n in numbers if n.phone_number == call.our_number), None)
    if number is None:
        raise NotFound("The number the call was made from is gone.", code="phone_number_not_found")
    past = people.summaries(call.account_id, call.person, limit=_CALLS_READ) if call.person_is_known else ()
    past = tuple(summary for summary in past if summary.call_id != call.call_id)
    told = (people.caller(call.account_id, call.our_number, call.person) if call.person_is_known else None) or {}
    # What an operator wrote down wins over what was understood on the phone.
    return Brief(agent, number, call, clock.now(), choose(past), known_facts(past) | told)
