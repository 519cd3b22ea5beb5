"""Read the numbers of people in paths, queries and bodies, by the one rule for whom we dial, suppress and remember."""

from collections.abc import Callable

from api.services import Services
from calling.domain.agent import Number
from calling.domain.phone_number import PhoneNumber, main_region
from calling.domain.written_number import Numbering, read_person


def person_reader(
    account_id: str, said: str | None, ports: Services, *, ours: Number | None = None
) -> Callable[[str, str], PhoneNumber]:
    """Make what reads a number and names the field it stands in.

    Where no country was `said`, it is guessed from the number of `ours` it has to do with, else from all of the
    account's; those are looked up for a number that has no `+`, once.
    """
    numbering: Numbering | None = None

    def read(text: str, field: str) -> PhoneNumber:
        nonlocal numbering
        written = f"+{text[1:]}" if text.startswith(" ") else text  # a raw + in a URL means a blank
        if written.strip().startswith("+"):
            return read_person(written, Numbering(), field=field)
        if numbering is None:
            numbers = [ours] if ours is not None else ports.agents.numbers(account_id) if said is None else []
            countries = dict.fromkeys(main_region(number.phone_number) for number in numbers)
            numbering = Numbering(said, tuple(country for country in countries if country))
        return read_person(written, numbering, field=field)

    return read
