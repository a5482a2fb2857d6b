"""Text brought to one form, so that case, accents and punctuation make no difference."""

import re
import unicodedata

_UNMARKED = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})
"""Letters that Unicode does not take apart into a plain one and a mark."""
_APOSTROPHES = dict.fromkeys(map(ord, "'’‘`´ʼ"))
_QUOTES = str.maketrans(dict.fromkeys('"“”„«»‹›', ' " '))
_REST = re.compile(r'(?:[^\w"]|_)+')


def fold(text: str) -> str:
    """Lower-case words with one space between them, without accents and punctuation.

    An apostrophe joins (``don't`` becomes ``dont``). A quotation mark stays as a word of its own: what somebody
    quotes is not what they ask for.
    """
    plain = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES).translate(_QUOTES)).casefold()
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(sign))
    return _REST.sub(" ", plain.translate(_UNMARKED)).strip()
