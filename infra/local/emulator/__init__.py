"""The laptop's AWS: ministack in a process of its own, mended where it differs from AWS.

`python -m infra.local.emulator` starts it. This room may know ministack's private functions; it knows nothing of
calls, carriers or speech, and nothing outside `infra/local` may import it.
"""
