"""What a text says about being written to: words that are the whole message, and clear sentences."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hub.connector.conversations import Message, MessageKind, Preference
from hub.core.opt_outs.folding import fold
from hub.core.opt_outs.sentences import asks_to_stop
from hub.core.opt_outs.service import Cause

STOP_WORDS = frozenset(
    fold(word).replace(" ", "")
    for words in (
        # The words that carriers and providers agree on, in the language of the networks.
        "STOP, STOPALL, UNSUBSCRIBE, CANCEL, END, QUIT, REVOKE, OPTOUT, REMOVE ME, STOP SMS, STOP CALLS, STOP TEXTS",
        "STOPP, ABMELDEN, ABBESTELLEN, AUFHÖREN, AUSTRAGEN, WIDERRUF, WIDERRUFEN",
        "ARRÊT, ARRÊTER, ARRÊTEZ, ARRÊTE, DÉSABONNER, DÉSINSCRIRE, DÉSINSCRIPTION, ANNULER",
        "ALTO, PARAR, PARE, PARA, BAJA, DAR DE BAJA, DARME DE BAJA, CANCELAR, DETENER, ANULAR",
        "FERMA, FERMATI, FERMARE, BASTA, DISISCRIVI, DISISCRIVIMI, CANCELLA, CANCELLAMI, ANNULLA, REVOCA",
        "STOPPEN, AFMELDEN, UITSCHRIJVEN, ANNULEREN",
        "ZATRZYMAJ, WYPISZ, WYPISZ MNIE, REZYGNUJĘ, REZYGNACJA, ANULUJ, KONIEC",
        "SAIR, DESCADASTRAR, REMOVER, CANCELAR INSCRIÇÃO, ANULAR SUBSCRIÇÃO, DESINSCREVER",
    )
    for word in words.split(", ")
)
"""Folded, without spaces: ``Opt-Out`` and ``opt out`` are the same word."""
START_WORDS = frozenset({"start", "unstop"})
"""Words that say nothing else than that one wants to be written to again."""
AGREEING_WORDS = frozenset({"yes"})
"""The providers' third word for starting. It also answers any question, so it is an opt-in from nobody but who opted
out; it begins no lead all the same, as no word of the providers does."""
RESUMING_WORDS = frozenset(
    fold(word).replace(" ", "")
    for words in (
        "SUBSCRIBE, RESUME, OPTIN, CONTINUE",
        "JA, STARTEN, ANMELDEN, FORTSETZEN",
        "OUI, COMMENCER, DÉMARRER, REPRENDRE, ABONNER",
        "SÍ, INICIAR, EMPEZAR, COMENZAR, ALTA, SUSCRIBIR, REANUDAR",
        "SÌ, INIZIA, INIZIARE, ISCRIVI, ISCRIVIMI, RIPRENDI",
        "AANMELDEN, HERVATTEN, BEGINNEN",
        "TAK, ROZPOCZNIJ, WZNÓW, ZAPISZ",
        "SIM, COMEÇAR, RETOMAR, SUBSCREVER",
    )
    for word in words.split(", ")
)
"""An opt-in from who opted out. From anybody else it is a message like others, and may well be an enquiry: many
advertisements ask for such a word."""
_LONGEST_WORD = 40
_WRITTEN = frozenset({MessageKind.MESSAGE, MessageKind.EDIT})
_READ = _WRITTEN | {MessageKind.TRANSCRIPT}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a piece says about being written to.

    ``is_alone``: it says nothing else, so it begins no lead. ``only_to_resume``: it counts only from an address that
    is opted out.
    """

    preference: Preference
    cause: Cause
    is_alone: bool = False
    only_to_resume: bool = False


def wish_of(message: Message) -> Wish | None:
    """What a piece of a conversation says about being written to; None: nothing.

    What the platform tells wins over words. Of calls and recordings there are no words to read; a transcript is read
    for sentences only. Where the person's own words are told apart, only they are read.
    """
    if message.preference is not None:
        word = _read_word(fold(message.text)) if len(message.text) <= _LONGEST_WORD else None
        return Wish(message.preference, Cause.PLATFORM, is_alone=word is not None and word.is_alone)
    if message.own_words is not None:
        return _wish_among(message.own_words, is_spoken=message.kind not in _WRITTEN)
    if message.kind not in _READ or not message.text:
        return None
    return read_wish(message.text, is_spoken=message.kind is MessageKind.TRANSCRIPT)


def _wish_among(turns: Sequence[str], *, is_spoken: bool) -> Wish | None:
    """An opt-out that the person uttered in a talk. A yes or a start answers what was asked there, and is no opt-in."""
    wishes = (read_wish(turn, is_spoken=is_spoken) for turn in turns)
    wish = next((each for each in wishes if each is not None and each.preference is Preference.OPT_OUT), None)
    return replace(wish, is_alone=wish.is_alone and len(turns) == 1) if wish is not None else None


def read_wish(text: str, *, is_spoken: bool = False) -> Wish | None:
    """What a text says about being written to. Case, accents and punctuation do not matter."""
    if not is_spoken and len(text) <= _LONGEST_WORD and (wish := _read_word(fold(text))) is not None:
        return wish
    return Wish(Preference.OPT_OUT, Cause.SENTENCE) if asks_to_stop(text, is_spoken=is_spoken) else None


def _read_word(folded: str) -> Wish | None:
    """The wish of a text that is one of the words, maybe said several times."""
    said = set(folded.split()) if len(set(folded.split())) == 1 else {folded.replace(" ", "")}
    if said <= STOP_WORDS:
        return Wish(Preference.OPT_OUT, Cause.WORD, is_alone=True)
    if said <= START_WORDS:
        return Wish(Preference.OPT_IN, Cause.WORD, is_alone=True)
    if said <= AGREEING_WORDS:
        return Wish(Preference.OPT_IN, Cause.WORD, is_alone=True, only_to_resume=True)
    if said <= RESUMING_WORDS:
        return Wish(Preference.OPT_IN, Cause.WORD, only_to_resume=True)
    return None
