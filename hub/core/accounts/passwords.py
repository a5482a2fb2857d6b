"""Passwords: which are accepted, and how they are kept (argon2id, RFC 9106; OWASP minimum 19 MiB, t=2, p=1)."""

import asyncio
import re
import unicodedata
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib import resources

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from hub.core.accounts.errors import BusyError, InvalidValueError

MIN_LENGTH = 12
MAX_LENGTH = 128
HASHINGS_AT_ONCE = 2
WAITING_AT_MOST = 200
_MEMORY_KIB = 19 * 1024 + 512
_TURNS = 2
_DISTINCT_LEFT = 5
_WORD_LENGTH = 4
_LEET = str.maketrans("013457@$!", "oleastasi")
_COMMON = tuple(
    sorted(
        resources.files("hub.core.accounts").joinpath("common_passwords.txt").read_text("ascii").split(),
        key=len,
        reverse=True,
    )
)


def check_new_password(password: str, *, personal: Iterable[str], pointer: str = "/password") -> None:
    """Raise ``InvalidValueError`` for a password that must not be chosen.

    ``personal`` are texts an attacker would try first: e-mail address, own name, name of the organisation. They
    and the commonest passwords count for nothing: what is left after removing them needs five different letters
    or digits.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise InvalidValueError(
            pointer, f"The password must have {MIN_LENGTH} to {MAX_LENGTH} characters; choose another."
        )
    words = {
        word for text in personal for word in re.split(r"[^\w]|_", text.casefold()) if len(word) >= _WORD_LENGTH
    } | {re.sub(r"[^\w]|_", "", text.casefold()) for text in personal}
    known = sorted(words - {""}, key=len, reverse=True)
    folded = unicodedata.normalize("NFKC", password).casefold()
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", folded)
    for spelling in (folded, folded.translate(_LEET), core.translate(_LEET)):
        if len(_distinct_left(spelling, known)) < _DISTINCT_LEFT:
            raise InvalidValueError(
                pointer,
                "This password is among those that are tried first (a common one, or made of the e-mail address or "
                "the name of the organisation); choose another, for example four unrelated words.",
            )


def _distinct_left(text: str, words: Iterable[str]) -> set[str]:
    text = re.sub(r"[^\w]|_", "", text)
    for known in (*words, *_COMMON):
        text = text.replace(known, "")
    return set(text)


class PasswordHashing:
    """Hashes and verifies on two threads of its own, so that logins can never take more memory or cores."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=_TURNS, memory_cost=_MEMORY_KIB, parallelism=1)
        self._threads = ThreadPoolExecutor(HASHINGS_AT_ONCE, thread_name_prefix="passwords")
        self._waiting = 0
        self._nobody = self._hasher.hash("the password of nobody")

    async def hash(self, password: str) -> str:
        """The argon2id text to store. Raises ``BusyError`` when too many are waiting."""
        return str(await self._run(self._hasher.hash, _bytes(password)))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is the stored one; takes as long where there is none (``stored`` is None)."""
        matches = await self._run(self._verify_now, stored or self._nobody, _bytes(password))
        return bool(matches) and stored is not None

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown()

    def _verify_now(self, stored: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except VerificationError:
            return False

    async def _run(self, work: object, *arguments: object) -> object:
        if self._waiting >= WAITING_AT_MOST:
            raise BusyError("Too many people are signing in at this moment. Try again in a few seconds.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)  # type: ignore[arg-type]
        finally:
            self._waiting -= 1


def _bytes(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
