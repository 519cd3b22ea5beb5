"""Sound: mu-law, voice activity, beeps, play-out, recording.

Knows no socket, task, clock or vendor; times are samples or seconds given in.
"""
