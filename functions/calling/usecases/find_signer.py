"""Find the carrier account that has signed a request to us, also while its secret is being rotated."""

from collections.abc import Callable

from calling.domain.agent import Number
from calling.ports import CarrierAccount, Credentials


def find_signer(
    number: Number, is_signed: Callable[[CarrierAccount], bool], *, credentials: Credentials
) -> CarrierAccount | None:
    """Give the account of a number where `is_signed` says that it has signed; None: nobody we know has.

    A check that fails may only mean that the token was rotated a moment ago, so the secret is read again, as seldom as
    `Credentials.renew` allows.
    """
    account = credentials.of_number(number)
    if is_signed(account):
        return account
    if credentials.renew(number) and is_signed(renewed := credentials.of_number(number)):
        return renewed
    return None
