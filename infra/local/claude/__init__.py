"""A stand-in for Claude on the laptop: the Messages protocol over HTTP, answered by plain rules.

It knows what stands in the request and nothing else: no stored state, no names, dates or purposes of its own. Its
rooms, from the outside in: `app` (HTTP) · `protocol` (validation, events) · `rules`, `replies`, `summary` (what is
answered) · `dialogue` (what the messages amount to) · `purpose`, `prompt_reading`, `hearing`, `slots` (English).
"""
