"""From a row to a recipient or to the reason why it is none."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import timezone as number_zones

from calling.domain import written_number
from calling.domain.agent import MAX_PROMPT
from calling.domain.campaign import Campaign
from calling.domain.phone_number import PhoneNumber, parse, region
from calling.domain.recipient import Recipient, RecipientState
from calling.domain.rows import MAX_METADATA, MAX_TEXT, MAX_VARIABLES, Row, RowError, read_row, refused_row, zones_of

NOW = int(datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp() * 1000)
SEED = "+447386172392"  # the seed's to_number
CAMPAIGN = Campaign("acct_1", "camp_1", "agent_1", PhoneNumber("+447700900123"), NOW, timezone="Asia/Tokyo", shards=16)


def read(row: Row, index: int = 0) -> Recipient:
    found = read_row(CAMPAIGN, index, row, NOW)
    assert isinstance(found, Recipient), found
    return found


def refused(row: Row) -> RowError:
    found = read_row(CAMPAIGN, 7, row, NOW)
    assert isinstance(found, RowError), found
    assert found.index == 7
    return found


@pytest.mark.parametrize(
    "written",
    [
        SEED,
        " +44 7386 172392 ",
        "+44-7386-172392",
        "+44 (7386) 172.392",
        "+44 (0)7386 172392",
        "(+44) 7386 172392",
        "+44\N{NO-BREAK SPACE}7386\N{NON-BREAKING HYPHEN}172\N{EN DASH}392",
        "\N{LEFT-TO-RIGHT EMBEDDING}+447386172392\N{POP DIRECTIONAL FORMATTING}",
        "\ufeff+447386172392",
    ],
)
def test_a_number_is_one_number_however_it_is_written(written: str) -> None:
    recipient = read(Row(written), 35)
    assert recipient.phone_number == PhoneNumber(SEED)
    assert (recipient.index, recipient.shard, recipient.country) == (35, 3, "GB")
    assert (recipient.state, recipient.due_at, recipient.attempts) == (RecipientState.PENDING, NOW, 0)


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("", "E.164"),
        ("+44999", "E.164"),
        ("+1911", "E.164"),
        ("+447386", "area code"),
        ("+447700900123", "assigned to nobody"),
        ("+4473861723921234567", "E.164"),
        ("4.47386E+11", "digits of it are lost"),
        ("+999123456789", "E.164"),
        ("Bob", "E.164"),
    ],
)
def test_what_is_no_number_that_may_be_dialled_is_refused_with_its_reason(written: str, word: str) -> None:
    error = refused(Row(written + " " * 40))
    assert error.code == "invalid_phone_format"
    assert word in error.reason
    assert error.phone == (written + " " * 40)[:32]
    kept = refused_row(CAMPAIGN, error)
    assert (kept.state, kept.due_at, kept.reason, kept.index) == (RecipientState.INVALID, None, error.reason, 7)


def test_no_emergency_number_of_any_country_is_longer_than_what_is_looked_up() -> None:
    for country in phonenumbers.SUPPORTED_REGIONS:
        metadata = phonenumbers.PhoneMetadata.short_metadata_for_region(country)
        if metadata is not None and metadata.emergency is not None:
            assert metadata.general_desc is not None
            lengths = metadata.emergency.possible_length or metadata.general_desc.possible_length
            assert max(lengths) <= written_number._LONGEST_EMERGENCY


EXAMPLES = [
    phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)
    for country in sorted(phonenumbers.SUPPORTED_REGIONS)
    for kind in (0, 1, 2, 3, 6, 7)
    if (found := phonenumbers.example_number_for_type(country, kind)) is not None
]


@pytest.mark.parametrize("group", range(8))
def test_zones_and_country_are_those_the_library_gives(group: int) -> None:
    for e164 in EXAMPLES[group::8]:
        parsed = phonenumbers.parse(e164, None)
        found = read_row(CAMPAIGN, 0, Row(e164), NOW)
        if isinstance(found, RowError):
            assert "does not dial" in found.reason
            continue
        expected = tuple(z for z in number_zones.time_zones_for_number(parsed) if z != "Etc/Unknown")
        assert found.zones == (expected or ("Asia/Tokyo",))
        assert found.zone_source == ("number" if expected else "campaign")
        assert found.country == region(found.phone_number)
        assert zones_of(CAMPAIGN, found.phone_number, None) == (found.zones, found.zone_source)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(EXAMPLES), st.sampled_from((" ", "-", ".", "(", ")", "\N{EN DASH}")), st.integers(2, 9))
def test_a_number_that_was_read_reads_the_same_again(e164: str, between: str, every: int) -> None:
    written = e164[:3] + between.join(e164[n : n + every] for n in range(3, len(e164), every))
    first, second = read_row(CAMPAIGN, 0, Row(written), NOW), read_row(CAMPAIGN, 0, Row(e164), NOW)
    assert getattr(first, "phone_number", None) == getattr(second, "phone_number", None)
    if isinstance(first, Recipient):
        assert parse(first.phone_number.e164, field="x") == first.phone_number


def test_where_nothing_is_known_of_a_number_the_campaigns_zone_counts() -> None:
    fictional = PhoneNumber("+447700900123")
    assert zones_of(CAMPAIGN, fictional, None) == (("Asia/Tokyo",), "campaign")
    toll_free = read(Row("+18002530000"))
    assert len(toll_free.zones) > 40
    assert toll_free.zone_source == "number"


@pytest.mark.parametrize("name", ["Mars/Olympus", "GMT+1", "../etc/passwd", "Europe", "x" * 300, " "])
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    error = refused(Row(SEED, timezone=name))
    assert (error.code, error.reason) == ("invalid_timezone", "timezone is not an IANA time zone.")


def test_a_rows_own_zone_wins() -> None:
    assert read(Row(SEED, timezone="America/New_York")).zones == ("America/New_York",)
    assert read(Row(SEED, timezone="America/New_York")).zone_source == "recipient"
    assert read(Row(SEED, timezone="")).zone_source == "number"


TOMORROW = datetime(2026, 11, 26, 9, 0)  # noqa: DTZ001  a wall clock's


@pytest.mark.parametrize(
    ("written", "zone", "at"),
    [
        (TOMORROW, "America/New_York", TOMORROW.replace(tzinfo=ZoneInfo("America/New_York"))),
        ("2026-11-26T09:00", "America/New_York", TOMORROW.replace(tzinfo=ZoneInfo("America/New_York"))),
        ("2026-11-26T09:00", None, TOMORROW.replace(tzinfo=ZoneInfo("Europe/London"))),
        ("2026-11-26T09:00:00Z", "America/New_York", TOMORROW.replace(tzinfo=UTC)),
        ("2026-11-26T09:00:00+02:00", None, TOMORROW.replace(tzinfo=timezone(timedelta(hours=2)))),
        ("2027-03-14T02:30", "America/New_York", datetime(2027, 3, 14, 7, 30, tzinfo=UTC)),
    ],
)
def test_not_after_is_read_on_the_rows_clock(written: Any, zone: str | None, at: datetime) -> None:
    assert read(Row(SEED, not_after=written, timezone=zone)).not_after == round(at.timestamp() * 1000)


def test_where_a_number_may_lie_in_many_zones_the_first_clock_to_show_it_counts() -> None:
    recipient = read(Row("+18002530000", not_after="2026-11-26T09:00"))
    shown = [round(TOMORROW.replace(tzinfo=ZoneInfo(z)).timestamp() * 1000) for z in recipient.zones]
    assert recipient.not_after == min(shown)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("2026-11-25T11:59:59Z", "in the past"),
        (datetime(2026, 11, 25, 12, tzinfo=UTC), "in the past"),
        ("0001-01-01T00:00", "in the past"),
        ("tomorrow", "not a usable time"),
        ("2026-02-30", "not a usable time"),
        ("1764072000", "not a usable time"),
        ("٢٠٢٦", "not a usable time"),
    ],
)
def test_a_not_after_that_is_over_or_no_time_is_refused(written: Any, words: str) -> None:
    error = refused(Row(SEED, not_after=written))
    assert words in error.reason
    assert error.code == "invalid_field"


@pytest.mark.parametrize("written", [None, ""])
def test_without_a_not_after_there_is_none(written: str | None) -> None:
    assert read(Row(SEED, not_after=written)).not_after is None


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (Row(SEED, prompt="x" * (MAX_PROMPT + 1)), "prompt_too_long"),
        (Row(SEED, dynamic_vars={f"v{n}": "" for n in range(MAX_VARIABLES + 1)}), "invalid_field"),
        (Row(SEED, dynamic_vars={"v": "x" * MAX_TEXT}), "invalid_field"),
        (Row(SEED, metadata={"m": "\N{SNOWMAN}" * (MAX_METADATA // 3)}), "invalid_field"),
    ],
)
def test_texts_have_their_limits(row: Row, code: str) -> None:
    assert refused(row).code == code


def test_texts_within_their_limits_are_kept() -> None:
    row = Row(
        SEED,
        prompt=" " + "x" * (MAX_PROMPT - 1),
        dynamic_vars={f"v{n}": "x" for n in range(MAX_VARIABLES)},
        metadata={"m": "x" * (MAX_METADATA - len('{"m":""}'))},
    )
    recipient = read(row)
    assert recipient.prompt == "x" * (MAX_PROMPT - 1)
    assert recipient.dynamic_vars == row.dynamic_vars
    assert recipient.metadata == row.metadata
    assert read(replace(row, prompt="  ")).prompt is None


def test_a_row_and_its_error_do_not_print_the_person() -> None:
    assert SEED not in repr(Row(SEED, prompt="secret"))
    assert "+447386" not in repr(refused(Row("+447386")))


def test_a_row_parses_its_number_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed, parse_number = list[str](), phonenumbers.parse

    def counted(number: str, country: str | None = None) -> phonenumbers.PhoneNumber:
        parsed.append(number)
        return parse_number(number, country)

    monkeypatch.setattr(phonenumbers, "parse", counted)
    read(Row(SEED))
    assert parsed == [SEED]
