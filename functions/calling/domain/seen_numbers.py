"""Numbers that were seen, a million of them in a small function's memory. Pure."""

from array import array


class SeenNumbers:
    """A set of E.164 numbers in 16 to 32 bytes each: a million of them must fit a small function's memory.

    Open addressing over one array of 64-bit words (Knuth, TAOCP 6.4 L); a number of at most 15 digits fits a word.
    """

    def __init__(self) -> None:
        self._words = array("Q", bytes(8 * 1024))
        self._count = 0

    def add(self, e164: str) -> bool:
        """Add a number; False where it was there already."""
        if 2 * self._count >= len(self._words):
            self._grow()
        if not self._put(int(e164[1:])):
            return False
        self._count += 1
        return True

    def __len__(self) -> int:
        return self._count

    def _put(self, word: int) -> bool:
        mask = len(self._words) - 1
        place = (word * 0x9E3779B97F4A7C15 >> 20) & mask
        while self._words[place]:
            if self._words[place] == word:
                return False
            place = (place + 1) & mask
        self._words[place] = word
        return True

    def _grow(self) -> None:
        old, self._words = self._words, array("Q", (0,)) * (2 * len(self._words))
        for word in old:
            if word:
                self._put(word)
