"""Who has signed a request: a rotated secret is found out, a forger buys nothing but one more read."""

from dataclasses import replace

from calling.domain.agent import Number
from calling.domain.phone_number import PhoneNumber
from calling.ports import CarrierAccount
from calling.usecases.find_signer import find_signer
from tests.fakes.outside import MemoryCredentials, MemoryVault

NUMBER = Number("acct_1", "agent_1", PhoneNumber("+15550100001"), 1)
OLD, NEW = CarrierAccount("AC1", "old"), CarrierAccount("AC1", "new", other_tokens=("old",))


def test_a_good_signature_asks_for_nothing() -> None:
    credentials = MemoryCredentials(OLD)
    assert find_signer(NUMBER, lambda a: a.auth_token == "old", credentials=credentials) == OLD
    assert credentials.renewals == 0


def test_the_first_request_after_a_rotation_is_let_in() -> None:
    credentials = MemoryCredentials(OLD)
    credentials.rotated = NEW
    assert find_signer(NUMBER, lambda a: a.auth_token == "new", credentials=credentials) == NEW
    assert find_signer(NUMBER, lambda a: "old" in a.other_tokens, credentials=credentials) == NEW
    assert credentials.renewals == 1


def test_a_forged_request_is_refused_after_one_more_look() -> None:
    credentials = MemoryCredentials(OLD)
    checked: list[CarrierAccount] = []

    def forged(account: CarrierAccount) -> bool:
        checked.append(account)
        return False

    assert find_signer(NUMBER, forged, credentials=credentials) is None
    assert (checked, credentials.renewals) == ([OLD], 1)
    credentials.rotated = NEW
    assert find_signer(NUMBER, forged, credentials=credentials) is None
    assert checked == [OLD, OLD, NEW]


def test_a_number_with_credentials_of_its_own_is_not_looked_up_elsewhere() -> None:
    own = replace(NUMBER, twilio_sid="AC2", twilio_token=MemoryVault().encrypt("acct_1", "own"))
    credentials = MemoryCredentials(OLD)
    credentials.rotated = NEW
    assert find_signer(own, lambda a: a.auth_token == "new", credentials=credentials) is None
    assert credentials.renewals == 0
