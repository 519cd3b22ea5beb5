"""The operator's way back into an account whose admin key is lost, or in somebody else's hands."""

from calling.domain.account import ALL_SCOPES
from calling.ports import AccountStore, Clock, Ids, StaleRecord, Vault
from calling.usecases.create_key import NewKey, account_with_id, draw_key

_AT_ONCE = 90  # keys revoked in one transaction, which takes 100 writes
_ROUNDS = 50  # whoever holds a stolen key may make and revoke keys meanwhile, but only until it is gone


def recover_account(
    account_id: str, *, revoke_all: bool, accounts: AccountStore, vault: Vault, clock: Clock, ids: Ids
) -> NewKey:
    """Make a new admin key, whatever the maximum says; with `revoke_all` every other key stops in the same moment.

    Raises:
        NotFound: there is no such account.
        StaleRecord: somebody else changed its keys each time.
    """
    new = draw_key(account_with_id(account_id, accounts), ALL_SCOPES, "operator", vault=vault, clock=clock, ids=ids)
    there = False
    for _ in range(_ROUNDS):
        account = account_with_id(account_id, accounts)
        others = [key for key in accounts.keys(account_id) if key.key_id != new.key.key_id] if revoke_all else []
        if there and not others:
            return new
        try:
            accounts.change_keys(account, add=None if there else new.key, remove=others[:_AT_ONCE])
            there = True
        except StaleRecord:
            continue
    raise StaleRecord(account_id)
