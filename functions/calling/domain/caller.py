"""What an operator has told of a person: a few facts for each of our numbers, beside what past calls taught."""

FIELDS = ("name", "email", "phone", "location", "reference_id", "preference")
ENGINE_FIELDS = ("last_call", "open_item")  # written by calls themselves, never by hand
MAX_CALLERS = 1_000  # of one import
