"""Unpacking bodies: as much as may be, and all of what was packed.

The framework's own unpacking is switched off (``WatchedRunner``): it takes a gzip stream that ends half-way for a
whole one, so that half a submission would be answered with success.
"""

import zlib
from typing import Protocol

KNOWN = ("gzip", "deflate")
_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_ZLIB_METHOD = 8
"""The low half of a zlib stream's first byte (RFC 1950); some senders of ``deflate`` leave that frame away."""


class BrokenPackingError(Exception):
    """The bytes are not one whole stream of the declared encoding."""


class Unpacker(Protocol):
    """Takes a body in pieces."""

    def feed(self, piece: bytes, most: int) -> bytes:
        """What comes out of the next piece, at most ``most`` bytes. Raises ``BrokenPackingError``."""
        ...

    def end(self) -> None:
        """The body is over. Raises ``BrokenPackingError`` where its stream is not."""
        ...


def unpacker_of(encoding: str) -> Unpacker | None:
    """The unpacker of a content encoding (RFC 9110 section 8.4); None for one that is not known."""
    if encoding in ("", "identity"):
        return _Plain()
    return _Inflater(encoding) if encoding in KNOWN else None


class _Plain:
    def feed(self, piece: bytes, most: int) -> bytes:
        return piece[:most]

    def end(self) -> None:
        return


class _Inflater:
    """One stream; a second one behind it, or anything else, is refused."""

    def __init__(self, encoding: str) -> None:
        self._is_gzip = encoding == "gzip"
        self._stream: zlib._Decompress | None = None

    def feed(self, piece: bytes, most: int) -> bytes:
        if self._stream is None:
            self._stream = zlib.decompressobj(self._window(piece[0]))
        if self._stream.eof:
            raise BrokenPackingError
        try:
            return self._stream.decompress(piece, most)
        except zlib.error as error:
            raise BrokenPackingError from error

    def end(self) -> None:
        if self._stream is not None and (not self._stream.eof or self._stream.unused_data):
            raise BrokenPackingError

    def _window(self, first: int) -> int:
        if self._is_gzip:
            return _GZIP
        return _ZLIB if first & 0x0F == _ZLIB_METHOD else _RAW
