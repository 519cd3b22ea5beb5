"""A stand-in for Claude on the laptop: the Messages protocol over HTTP, answered by plain rules.

What it says it knows from the request and nothing else: no stored state, no names, dates or purposes of its own. Its
rooms, from the outside in: `app` (HTTP) · `models` (what each takes and refuses) · `faults` (what goes wrong on
purpose) · `prompt_cache` · `protocol` (validation, events) · `rules`, `replies`, `summary` (what is
answered) · `dialogue` (what the messages amount to) · `purpose`, `prompt_reading`, `hearing`, `slots` (English).
"""
