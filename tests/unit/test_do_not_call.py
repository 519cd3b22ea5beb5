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
delete me
get me off
I told you do not call
don't phone or text me
you don't have to ring me again
Stop.
Stop!
stop, please
I didn't ask for any of this. Stop.
I don't need any more of your calls
You've got to stop phoning my father
see to it that no one rings this number again
Get my number blocked on your side
don't uh ring me ever again
do not um phone me any more
If you ring me again I'm taking you to court
if you call me again I'll report you
we don't want sales calls at this house
That's harassment, I'm going to report it
Please stop ringing my mother
stop calling my wife
Don't call my dad again
can you make sure nobody calls me again
make sure I'm not called again
I'd like you to stop calling
I want you to stop calling me
would you mind not calling again
please erm stop uh calling me
you need to stop calling this number
I don't want to be on your list
block my number
take us off
take me off please
delete my details
delete my data and don't call again
don't text or call me
no more of these calls
I never want to be called again
you are harassing me
this is harassment
stop harassing us
I've told you before, no more calls
get lost and don't ring again
I don't want your calls
we do not accept sales calls
we don't take cold calls here
no cold calls please
just, you know, stop calling me
I said stop calling
I said stop
stop it, stop calling
don't ever ring this house again
cease calling
I'm opting out
I want out of your list
please remove me
remove us
remove me please
you have no permission to call me
I withdraw consent
I want my number removed
I want my number taken off
don't contact me by phone any more
never phone here again
lose our number
forget this number
scrub my number from your list
if anyone calls here again I'm calling the police
Um, stop calling me
could you, erm, take me off your list
take my number off please
I'd like my number deleted
can you take my number off your list
Would you stop phoning
stop phoning this house
I asked you people to leave us alone
don't you dare ring here again
I don't wish to be rung again
please do not telephone me again
stop telephoning me
no thank you and don't ring back
do not ring back
stop spamming me
quit bugging me
enough, stop calling
this number is on the TPS
we're registered with the telephone preference service
I'm registered with TPS
put me down as do not call
mark me as do not call
strike me off your list
take us off of whatever list this is
I want off this list
please refrain from calling
don't ever dial this number again
never dial this number again
you shouldn't be ringing me
I didn't give you permission to ring me
how many times do I have to tell you to stop calling
stop bothering my mother
no I don't want you calling here
I'd prefer not to be contacted
I would rather not be called
I'd rather you didn't ring again
we'd like to be removed from your list
remove this number from your system
remove this phone number
erase me from your database
opt me out
unsubscribe
Please cease all contact
cease all calls
no further contact please
do not make any more calls to this number
don't make any more calls to me
you're not to contact us again
you must not ring this number
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
Don't ring me, I'll ring you
don't call me, I'll call you back
You can't ring me back on this phone, try my cell
Quit calling me ma'am
stop calling me ma'am
stop calling me sweetheart
I don't want to lose our number when we change provider
Am I on the do not call list?
are we on the do not call list
Leave us alone with her for a minute
stop, let me think
Stop there for a second
stop right there, go back
wait, stop, say that again
don't stop
stop sign on the corner
the bus stop
I get off at five
get me off the hook
get me off the phone by noon
take me off hold
delete me from the Tuesday slot
delete my appointment
remove me from the Tuesday class
remove us from the booking
if you call me again tomorrow I'll have an answer
if you ring me again at five I'll be home
If you call me again on Friday I'll know more
can you make sure somebody calls me again
make sure no one calls before nine
I don't need any more of your pills
you don't have to call me again, I'll come by
block my calendar
block my card
my number is blocked on his phone
he is harassing me at work
my neighbour is harassing us
are you going to stop by
stop the car
stop by my house
I told you I'd stop smoking
they should stop ringing my doorbell
stop ringing the bell
Don't ring the bell, call me
please stop the recording
could you stop for a moment
I can't stop
we stop at six
we stop serving at six
did the doctor stop calling
when do you stop taking calls
you can stop by any time
don't forget my number
remove my tooth
delete my old number and take the new one
take us off the guest list
take my name off the waiting list please
I don't want to be called Bob
my mother said not to call her before ten
report it as a leak
I'd like to report harassment by my landlord
call me or text me
don't text me, call me
don't text, call
don't email me, phone me
I didn't get any more of your calls
no calls after nine please
no calls on Sunday
I never got your calls
Stop by on Tuesday
don't stop
stop the booking
Can you stop the delivery
the calls stop at noon
I had to stop
please stop that noise
stop, go back to the date
Stop. What was the date again?
hold on, stop, which one
don't ring before nine please
I don't mind you calling
I don't mind being called
please don't stop calling, I need reminding
call me any time
take me off at five
take me off the insulin
remove me from the twelve o'clock slot
Delete that
forget it
forget me not flowers
lose weight
my number is new
I lost my number
I have to opt out of the dental plan
can I opt out of the insurance
I'm not harassed
Never call it a bill
Don't call it off
Don't call the office, call my mobile
don't call her, call me
don't call him back
he said don't call
call don't text
if you ring again I'll pick up
if you call again tomorrow, ask for Bob
stop calling it that
stop calling him Bob
we don't call it that
don't contact my insurer
I can't be contacted on Monday
I do not want to be contacted on Sundays
I don't want to be rung before ten
no more appointments this week
no more pills
enough is enough for today
My wife tells me to stop smoking
I'll have to stop you there
let me stop you there
Could you stop talking for a second
I want to be put on the list
did you block my number
you blocked my number
they removed my number
I want to change my number
delete the old number
never mind, call me tomorrow
I'd rather you called tomorrow
I'd rather be called at noon
don't make me call again
do not disturb sign
why did you stop calling me
he never stops calling me
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
