"""The carrier's protocols as pure functions: bytes in, facts out. Knows no socket, no clock and no conversation."""
