"""What counts as "do not call me again", and what is only about an hour, a place, a name or somebody else."""

import pytest

from calling.domain.do_not_call import asks_not_to_be_called
from calling.domain.transcript import Role, Turn

MUST = """
stop calling me
Stop calling.
Please stop calling us
stop calling me right now
Would you please just stop calling this number?
Stop phoning me, I'm not interested.
stop ringing here
Stop contacting me!
stop bothering me
quit calling me
I told you people to quit calling
I've asked you to stop calling me three times already
Why won't you stop calling me
please don't call me again
Don't call me anymore.
Don\N{RIGHT SINGLE QUOTATION MARK}t call me any more
do not call me
Please do not call me, I'm not interested
don't call me ever again
don't you ever call me again
Don't ever contact me again
never call this number
Never call me again
never call here again
Never ever call me
I told you not to call me
I told you never to call me again
you are not to call me again
you're not allowed to call me
You shouldn't be calling me.
I'd rather you didn't call me
I don't want you to call me again
I don't want you calling me
I don't want to be called
I don't want to be contacted again.
I don't want any more calls
I don't want any calls from you
I do not want to receive these calls
I don't ever want to hear from you again
no more calls
No more phone calls, please.
These calls have to stop
stop these calls
make the calls stop, stop the calls
enough with these calls
take me off your list
Take me off of your calling list please
can you take my name off the list
remove me from your database
remove my number
Please delete my phone number
lose my number
get me off this list
I want to be removed from your list
put me on your do not call list
Put my number on the do-not-call registry
I'm on the do not call list
I do not consent to these calls
I never agreed to be called
I revoke my consent
I don't give you permission to call me
unsubscribe me
I want to opt out
leave me alone
cease and desist
don't call me I'm not interested
I'm busy don't call me again
Who is this? Don't call here again.
don't call this number again
Stop calling me. I'm at work now.
stop calling me I'm at work
from now on do not call me
Yeah no, don't call me about this again
you don't call me again, you hear
""".strip().splitlines()

MUST_NOT = """
don't call me before five
Don't call me at work
please don't call me at work again
call me again tomorrow
don't call back today
can you stop by
can you stop by and call me
I'll call you
don't call me Sarah, call me Sal
Don't call me sarah
I can't stop calling my sister
don't call me now, call tomorrow
don't call me right now
don't call me again until Monday
please don't call me again today
Don't call me, please, before nine
remove the appointment
he never calls me
my kids never call me
they never call on time
they don't call me any more
my doctor never called me again
If you don't call me I'll come by
why don't you call me tomorrow
don't hesitate to call me
don't forget to call me
Don't call me on Sunday
never call me after ten at night
don't call here after nine
stop calling me so early
stop calling me at night
stop calling me Sarah
don't stop calling me
my ex won't stop calling me
I don't want any calls after eight
I don't want calls at work
I don't want to be called before noon
no more calls today please
take me off the waiting list
take me off speaker
put me on the list
put me on hold
don't lose my number
Did I lose my number
I never lose my number
I'm not on the do not call list
don't unsubscribe me
do not call me this early
don't call me for a week
don't call me during lunch
can you call me later
I'd rather you didn't call me at work
I'm not interested
wrong number
he told me you would stop by
Please call me back
I don't want to miss your calls
You never call me
how many more calls will there be
I consent to these calls
""".strip().splitlines()


def turn(text: str, role: Role = "caller", index: int = 0) -> Turn:
    return Turn(index, role, text, 0, 1)


@pytest.mark.parametrize("text", MUST)
def test_a_wish_not_to_be_called_is_heard(text: str) -> None:
    assert asks_not_to_be_called([turn(text)])
    assert asks_not_to_be_called([turn(text.upper())])
    assert asks_not_to_be_called([turn("Hello?"), turn(f"Yes, well, {text}", index=1), turn("Bye.", index=2)])


@pytest.mark.parametrize("text", MUST_NOT)
def test_another_hour_place_name_or_person_is_no_such_wish(text: str) -> None:
    assert not asks_not_to_be_called([turn(text)])


@pytest.mark.parametrize("text", MUST)
def test_what_the_agent_says_is_nobodys_wish(text: str) -> None:
    assert not asks_not_to_be_called([turn(text, "agent"), turn("Yes.", index=1)])


def test_the_table_is_large_enough() -> None:
    assert len(MUST) >= 40
    assert len(MUST_NOT) >= 30
    assert not asks_not_to_be_called([])


@pytest.mark.parametrize("unit", ["stop calling ", "don't call ", "take me off ", "no more ", "please, again, ", "a "])
def test_a_long_turn_is_read_through(unit: str) -> None:
    assert not asks_not_to_be_called([turn(unit * 2_000 + "my sister at noon tomorrow")])
