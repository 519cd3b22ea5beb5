"""The whole table on one screen. Every partition key starts with the account, but what all accounts share.

| item           | pk                           | sk                     | gsi1pk              | gsi1sk                |
|----------------|------------------------------|------------------------|---------------------|-----------------------|
| account        | {account}                    | account                |                     |                       |
| limits         | {account}                    | limits                 |                     |                       |
| API key        | {account}                    | key#{key_id}           |                     |                       |
| agent          | {account}#agents             | {agent_id}             |                     |                       |
| number         | {account}#agents             | {agent}#number#{e164}  |                     |                       |
| number's owner | {account}#numbers            | {e164}                 |                     |                       |
| number's claim | numbers#{e164}               | claim                  |                     |                       |
| call           | {account}#call#{call_id}     | call                   | {account}#calls     | {created_at}#{call}   |
| turn           | {account}#call#{call_id}     | turn#{index:05}        |                     |                       |
| outbox event   | …as what it tells of         | outbox#{event_id}      |                     |                       |
| delivery       | {account}#deliveries         | {delivery_id}          | {account}#call#{id} | delivery#{created_at} |
| campaign       | {account}#campaign#{id}      | campaign               | {account}#campaigns | {created_at}#{id}     |
| its counts     | {account}#campaign#{id}      | counts#{n:02}          |                     |                       |
| its outcomes   | {account}#campaign#{id}      | outcomes#{slot}        |                     |                       |
| recipient      | {account}#campaign#{id}#{nn} | recipient#{index:07}   | {pk}#due            | {due_at}#{index:07}   |
| past call      | {account}#person#{e164}      | past#{ended_at}#{call} |                     |                       |
| caller         | {account}#person#{e164}      | caller#{our e164}      |                     |                       |
| contact        | {account}#person#{e164}      | contact                |                     |                       |
| lease shard    | {account}#lease#{pool}       | shard#{n:03}           |                     |                       |
| pace           | {account}#pace#{carrier sid} | pace                   |                     |                       |
| ceiling        | carriers#{carrier sid}       | ceiling                |                     |                       |
| line           | {account}#line#{e164}        | line                   |                     |                       |
| idempotency    | {account}#idempotency        | {key}                  |                     |                       |
| usage          | {account}#usage              | {yyyy-mm}#{n:02}       |                     |                       |
| dial hold      | deployment                   | dial_hold              |                     |                       |

A recipient is in gsi1 only while it is pending and has a moment. {nn} is its shard: a partition takes about a thousand
writes a second. Counts are spread over items so that calls which end at once do not wait for each other. A delivery is
found by the id of what it tells of, which may be a campaign's.

What the reaper looks for, of all accounts, stands in a second, sparse index, which holds keys alone:

| item           | gsi2pk    | gsi2sk                      | there                                           |
|----------------|-----------|-----------------------------|-------------------------------------------------|
| call           | due       | {due_at}#{account}#{call}   | while something of it is left to be done        |
| lease shard    | pools     | {account}#{pool}#{shard:03} | always; its keys never change, so it costs none |
| campaign       | campaigns | {account}#{campaign}        | while it is not over                            |

Each is one partition, good for some 300 calls accepted and settled a second; carriers grant far less.

Times in sort keys are epoch ms, 15 digits, so that text order is time order. `kind` says what an item is; `ttl`
(epoch s) lets DynamoDB forget it. An outbox item's insertion is what the stream hands to publish_events.
"""

DUE = "due"
POOLS = "pools"
CAMPAIGNS = "campaigns"
N_COUNTS = 8  # items a campaign's counts are spread over, by recipient, and a month's usage, by call


def account(account_id: str) -> dict[str, str]:
    """Key of an account."""
    return {"pk": account_id, "sk": "account"}


def limits(account_id: str) -> dict[str, str]:
    """Key of an account's limits."""
    return {"pk": account_id, "sk": "limits"}


def api_key(account_id: str, key_id: str) -> dict[str, str]:
    """Key of an API key."""
    return {"pk": account_id, "sk": f"key#{key_id}"}


def agents_pk(account_id: str) -> str:
    """Partition of an account's agents and their numbers."""
    return f"{account_id}#agents"


def agent(account_id: str, agent_id: str) -> dict[str, str]:
    """Key of an agent."""
    return {"pk": agents_pk(account_id), "sk": agent_id}


def number(account_id: str, agent_id: str, e164: str) -> dict[str, str]:
    """Key of a number, beside its agent so that one query reads both."""
    return {"pk": agents_pk(account_id), "sk": f"{agent_id}#number#{e164}"}


def number_owner(account_id: str, e164: str) -> dict[str, str]:
    """Key of the item that says whose a number is, and that it is there once."""
    return {"pk": f"{account_id}#numbers", "sk": e164}


def number_claim(e164: str) -> dict[str, str]:
    """Key of the item that says which account of the deployment a number belongs to."""
    return {"pk": f"numbers#{e164}", "sk": "claim"}


def call_pk(account_id: str, call_id: str) -> str:
    """Partition of a call and all that belongs to it."""
    return f"{account_id}#call#{call_id}"


def call(account_id: str, call_id: str) -> dict[str, str]:
    """Key of a call."""
    return {"pk": call_pk(account_id, call_id), "sk": "call"}


def calls_index(account_id: str, created_at: int, call_id: str) -> dict[str, str]:
    """Index key of a call: an account's calls by time."""
    return {"gsi1pk": calls_index_pk(account_id), "gsi1sk": f"{created_at:015}#{call_id}"}


def calls_index_pk(account_id: str) -> str:
    """Index partition of an account's calls."""
    return f"{account_id}#calls"


def due_index(due_at: int, account_id: str, call_id: str) -> dict[str, str]:
    """Reaper's index key of a call that is not done."""
    return {"gsi2pk": DUE, "gsi2sk": f"{due_at:015}#{account_id}#{call_id}"}


def pools_index(account_id: str, pool: str, shard: int) -> dict[str, str]:
    """Reaper's index key of a shard of a lease pool."""
    return {"gsi2pk": POOLS, "gsi2sk": f"{account_id}#{pool}#{shard:03}"}


def turn(account_id: str, call_id: str, index: int) -> dict[str, str]:
    """Key of a turn."""
    return {"pk": call_pk(account_id, call_id), "sk": f"turn#{index:05}"}


def outbox(account_id: str, call_id: str, event_id: str) -> dict[str, str]:
    """Key of a call's outbox event: written once by its id."""
    return {"pk": call_pk(account_id, call_id), "sk": f"outbox#{event_id}"}


def campaign_outbox(account_id: str, campaign_id: str, event_id: str) -> dict[str, str]:
    """Key of a campaign's outbox event."""
    return {"pk": campaign_pk(account_id, campaign_id), "sk": f"outbox#{event_id}"}


def delivery(account_id: str, delivery_id: str) -> dict[str, str]:
    """Key of a delivery."""
    return {"pk": f"{account_id}#deliveries", "sk": delivery_id}


def delivery_index(account_id: str, call_id: str, created_at: int, delivery_id: str) -> dict[str, str]:
    """Index key of a delivery: those of one call, or campaign, by time."""
    return {"gsi1pk": call_pk(account_id, call_id), "gsi1sk": f"delivery#{created_at:015}#{delivery_id}"}


def campaign_pk(account_id: str, campaign_id: str) -> str:
    """Partition of a campaign's record, counts and events."""
    return f"{account_id}#campaign#{campaign_id}"


def campaign(account_id: str, campaign_id: str) -> dict[str, str]:
    """Key of a campaign."""
    return {"pk": campaign_pk(account_id, campaign_id), "sk": "campaign"}


def campaigns_index_pk(account_id: str) -> str:
    """Index partition of an account's campaigns."""
    return f"{account_id}#campaigns"


def campaigns_index(account_id: str, created_at: int, campaign_id: str) -> dict[str, str]:
    """Index key of a campaign: an account's campaigns by time."""
    return {"gsi1pk": campaigns_index_pk(account_id), "gsi1sk": f"{created_at:015}#{campaign_id}"}


def active_index(account_id: str, campaign_id: str) -> dict[str, str]:
    """Reaper's index key of a campaign that is not over."""
    return {"gsi2pk": CAMPAIGNS, "gsi2sk": f"{account_id}#{campaign_id}"}


def counts(account_id: str, campaign_id: str, n: int) -> dict[str, str]:
    """Key of one item of a campaign's counts."""
    return {"pk": campaign_pk(account_id, campaign_id), "sk": f"counts#{n:02}"}


def outcomes(account_id: str, campaign_id: str, slot: int) -> dict[str, str]:
    """Key of one part of the circuit breaker's window."""
    return {"pk": campaign_pk(account_id, campaign_id), "sk": f"outcomes#{slot}"}


def recipients_pk(account_id: str, campaign_id: str, shard: int) -> str:
    """Partition of one shard of a campaign's recipients."""
    return f"{campaign_pk(account_id, campaign_id)}#{shard:02}"


def recipient(account_id: str, campaign_id: str, shard: int, index: int) -> dict[str, str]:
    """Key of a recipient."""
    return {"pk": recipients_pk(account_id, campaign_id, shard), "sk": f"recipient#{index:07}"}


def recipients_index_pk(account_id: str, campaign_id: str, shard: int) -> str:
    """Index partition of a shard's recipients that wait."""
    return f"{recipients_pk(account_id, campaign_id, shard)}#due"


def recipients_index(account_id: str, campaign_id: str, shard: int, due_at: int, index: int) -> dict[str, str]:
    """Index key of a recipient that waits: a shard's by the time they are due."""
    return {"gsi1pk": recipients_index_pk(account_id, campaign_id, shard), "gsi1sk": f"{due_at:015}#{index:07}"}


def person_pk(account_id: str, e164: str) -> str:
    """Partition of what is remembered of a person."""
    return f"{account_id}#person#{e164}"


def past_call(account_id: str, e164: str, ended_at: int, call_id: str) -> dict[str, str]:
    """Key of a past call's summary."""
    return {"pk": person_pk(account_id, e164), "sk": f"past#{ended_at:015}#{call_id}"}


def caller(account_id: str, e164: str, our_e164: str) -> dict[str, str]:
    """Key of what an operator told of a person for one of our numbers."""
    return {"pk": person_pk(account_id, e164), "sk": f"caller#{our_e164}"}


def contact(account_id: str, e164: str) -> dict[str, str]:
    """Key of who must not be called, and who was called lately."""
    return {"pk": person_pk(account_id, e164), "sk": "contact"}


def lease_shard(account_id: str, pool: str, shard: int) -> dict[str, str]:
    """Key of a shard of a lease pool."""
    return {"pk": lease_pk(account_id, pool), "sk": f"shard#{shard:03}"}


def lease_pk(account_id: str, pool: str) -> str:
    """Partition of a lease pool."""
    return f"{account_id}#lease#{pool}"


def pace(account_id: str, carrier_sid: str) -> dict[str, str]:
    """Key of a carrier account's pace."""
    return {"pk": f"{account_id}#pace#{carrier_sid}", "sk": "pace"}


def ceiling(carrier_sid: str) -> dict[str, str]:
    """Key of how many calls a carrier account allows at once."""
    return {"pk": f"carriers#{carrier_sid}", "sk": "ceiling"}


def line(account_id: str, e164: str) -> dict[str, str]:
    """Key of a person's line."""
    return {"pk": f"{account_id}#line#{e164}", "sk": "line"}


def usage_pk(account_id: str) -> str:
    """Partition of what an account used."""
    return f"{account_id}#usage"


def usage(account_id: str, month: str, n: int) -> dict[str, str]:
    """Key of one item of what an account used in a month; the last of them is the peak's."""
    return {"pk": usage_pk(account_id), "sk": f"{month}#{n:02}"}


def idempotency(account_id: str, key: str) -> dict[str, str]:
    """Key of a remembered response."""
    return {"pk": f"{account_id}#idempotency", "sk": key}


def dial_hold() -> dict[str, str]:
    """Key of the deployment's hold on new dials."""
    return {"pk": "deployment", "sk": "dial_hold"}
