"""Texts before which a text ends that is being written."""

from __future__ import annotations

from collections.abc import Sequence


class Stops:
    """Ends a text before the first of some texts. An end of a piece that could begin one waits for the next piece.

    >>> stops = Stops(["the end"])
    >>> stops.feed("once, the"), stops.feed("n the end."), stops.ended
    ('once, ', 'then ', True)
    """

    def __init__(self, texts: Sequence[str]):
        self.texts, self._held, self.ended = [text for text in texts if text], "", False

    def feed(self, piece: str) -> str:
        """Takes the next piece of the text and returns what is certain to stand before the end."""
        text, self._held = self._held + piece, ""
        places = [at for at in map(text.find, self.texts) if at >= 0]
        if places:
            self.ended = True
            return text[: min(places)]
        longest = max(map(len, self.texts), default=1) - 1
        for length in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-length:]) for stop in self.texts):
                self._held = text[-length:]
                return text[:-length]
        return text

    def rest(self) -> str:
        """The end of the text that waited for more."""
        held, self._held = self._held, ""
        return held
