"""What is read as an opt-out or opt-in, and what is not: a wrong one silences a person or ignores them."""

import unicodedata
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connector.conversations import Channel, Message, MessageKind, Preference
from hub.core.opt_outs.folding import fold
from hub.core.opt_outs.sentences import asks_to_stop
from hub.core.opt_outs.service import Cause
from hub.core.opt_outs.words import (
    AGREEING_WORDS,
    RESUMING_WORDS,
    START_WORDS,
    STOP_WORDS,
    Wish,
    read_wish,
    wish_of,
)

CARRIER_WORDS = ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT")
OTHER_WORDS = (
    "Arrêt",
    "désabonner",
    "Stopp",
    "abmelden",
    "baja",
    "alto",
    "disiscrivi",
    "uitschrijven",
    "wypisz",
    "sair",
)
REQUESTS = (
    "please stop texting me",
    "Hi. Please, stop texting me! Thanks",
    "Stop it",
    "stop sending me these messages",
    "do not contact me again",
    "Don’t call me anymore.",
    "Take me off your mailing list",
    "unsubscribe me from your offers",
    "I no longer wish to receive messages from you",
    "leave me alone",
    "no more texts please",
    "My appointment is fine. Do not text me again.",
    "Bitte schreiben Sie mir nicht mehr!",
    "Rufen Sie mich nicht mehr an.",
    "Keine Nachrichten mehr bitte",
    "Hören Sie auf, mir zu schreiben",
    "Hiermit widerrufe ich meine Einwilligung",
    "Nehmen Sie mich bitte aus Ihrem Verteiler",
    "Ich möchte keine weiteren Nachrichten von Ihnen erhalten",
    "Lasst mich in Ruhe",
    "Arrêtez de m’écrire svp",
    "Merci de ne plus me contacter",
    "Je ne veux plus recevoir de messages",
    "STOP au 36180",
    "Por favor no me escriban más",
    "Dejen de llamarme",
    "Ya no quiero recibir mensajes",
    "Smettetela di chiamarmi",
    "Non contattatemi più per favore",
    "Stop met bellen",
    "Stuur me geen berichten meer",
    "Neem geen contact meer met mij op",
    "Proszę nie pisać do mnie więcej",
    "Usuńcie mnie z listy",
    "Wrong number, please stop texting me",
    "Not interested. Please stop.",
    "quit calling",
    "I don't want any more messages",
    "Kein Interesse, bitte nicht mehr melden",
    "Löschen Sie meine Nummer",
    "Je souhaite me désabonner",
    "Borren mi número",
    "Non voglio essere contattato",
    "Ik wil geen sms",
    "Nie piszcie do mnie",
    "Não me mande mais mensagens",
    "Parem de me ligar",
)
NO_REQUESTS = (
    "Hello, what does a massage cost?",
    "Can I stop by tomorrow?",
    "please don't stop texting me",
    "Why did you stop texting me?",
    "don't call me before 5pm",
    "Do not text me, call me",
    "I want to cancel my appointment on Monday",
    "Is this the end?",
    "The stop is right in front of the house",
    'I told him "stop texting me"',
    "please call me again",
    "yes please",
    "Don't call, just text me",
    "I need to opt out of the sauna part",
    "Please remove me from the 5pm slot",
    "Ich möchte keine Werbung, nur einen Termin",
    "Bitte nicht anrufen, lieber schreiben",
    "Quero cancelar a consulta",
    "Ik wil mijn afspraak annuleren",
    "¿Puedo cancelar mi cita?",
    "Rufen Sie mich bitte an",
    "Ich kann nicht mehr warten",
    "Rufen Sie mich nicht vor 17 Uhr an",
    "ne m'appelez pas avant 17h",
    "no me llamen antes de las 5",
    "non mi chiami prima delle 5",
    "bel me niet voor 5 uur",
    "nie dzwońcie przed 17",
    "não me ligue antes das 5",
    "",
    "…!",
    "停止",
)


@pytest.mark.parametrize("word", CARRIER_WORDS + OTHER_WORDS)
def test_a_stop_word_is_an_opt_out_that_says_nothing_else(word: str) -> None:
    """The whole message is the word, in any of the languages."""
    assert read_wish(word) == Wish(Preference.OPT_OUT, Cause.WORD, is_alone=True)


@pytest.mark.parametrize("word", ["START", "Unstop!"])
def test_a_start_word_is_an_opt_in(word: str) -> None:
    """It is one from anybody."""
    assert read_wish(word) == Wish(Preference.OPT_IN, Cause.WORD, is_alone=True)


def test_yes_is_an_opt_in_only_from_who_opted_out() -> None:
    """It also answers any question; alone it begins no lead."""
    assert read_wish("Yes.") == Wish(Preference.OPT_IN, Cause.WORD, is_alone=True, only_to_resume=True)


def test_a_word_that_advertisements_ask_for_is_an_opt_in_only_from_who_opted_out() -> None:
    """From others it is a message, which may begin a lead."""
    assert read_wish("Anmelden") == Wish(Preference.OPT_IN, Cause.WORD, only_to_resume=True)


@pytest.mark.parametrize("text", REQUESTS)
def test_a_clear_request_is_an_opt_out(text: str) -> None:
    """Polite words around it and other sentences beside it do not matter."""
    wish = read_wish(text)
    assert wish is not None
    assert wish.preference is Preference.OPT_OUT
    assert not wish.is_alone


@pytest.mark.parametrize("text", NO_REQUESTS)
def test_what_is_no_clear_request_is_a_message(text: str) -> None:
    """In doubt it is none: the message stays visible and a person decides."""
    assert read_wish(text) is None


def test_the_kinds_of_words_do_not_overlap() -> None:
    """No word means two things."""
    kinds = (STOP_WORDS, START_WORDS, AGREEING_WORDS, RESUMING_WORDS)
    assert sum(map(len, kinds)) == len(frozenset().union(*kinds))


@given(
    st.sampled_from(sorted(STOP_WORDS)),
    st.lists(st.sampled_from([str.upper, str.title, str.lower]), min_size=1, max_size=3),
    st.text(alphabet=" .!?,;-_*\n\t", max_size=8),
    st.text(alphabet=" .!?,;-_*\n\t", max_size=8),
)
def test_case_and_punctuation_do_not_matter(word: str, cases: list[object], before: str, after: str) -> None:
    """However a stop word is written, it stops."""
    for case in cases:
        word = case(word)  # type: ignore[operator]  # hypothesis knows the sampled functions as objects
    assert read_wish(before + word + after) == Wish(Preference.OPT_OUT, Cause.WORD, is_alone=True)


@given(st.sampled_from(["Arrêt", "DÉSABONNER", "aufhören", "rezygnuję", "Cancelar inscrição"]))
def test_accents_do_not_matter_in_whatever_form_they_come(word: str) -> None:
    """Composed, decomposed or left out."""
    forms = [unicodedata.normalize(form, word) for form in ("NFC", "NFD", "NFKC", "NFKD")]
    plain = "".join(sign for sign in forms[1] if not unicodedata.combining(sign))
    assert all(read_wish(form) == Wish(Preference.OPT_OUT, Cause.WORD, is_alone=True) for form in [*forms, plain])


@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    """No text breaks the reading, and reading twice says the same."""
    assert read_wish(text) == read_wish(text)
    assert fold(fold(text)) == fold(text)


@given(st.sampled_from(REQUESTS), st.text(alphabet="abcdefghij", min_size=4, max_size=12))
def test_a_word_in_the_midst_makes_a_request_something_else(request_text: str, word: str) -> None:
    """A request is read as a whole: nobody is silenced for half a sentence."""
    assert not asks_to_stop(f"{word} {fold(request_text)} {word}")


@pytest.mark.parametrize(
    "text", ["please " * 3_000, "can you could you " * 1_200, "unsubscribe me from " + "a" * 100 + "?" + "a, " * 6_000]
)
def test_no_text_is_slow_to_read(text: str) -> None:
    """Somebody will send the text that makes a pattern try everything."""
    started = perf_counter()
    read_wish(text)
    assert perf_counter() - started < 1


def message(kind: MessageKind = MessageKind.MESSAGE, **more: object) -> Message:
    """A piece of a conversation."""
    return Message.model_validate(
        {"channel": Channel.SMS, "kind": kind, "thread": "t", "sender": "+4915112345678", "recipient": "+4930", **more}
    )


def test_what_the_platform_tells_wins_over_words() -> None:
    """It knows which words its networks act on."""
    told = message(text="START", preference=Preference.OPT_OUT)
    assert wish_of(told) == Wish(Preference.OPT_OUT, Cause.PLATFORM, is_alone=True)
    longer = message(text="I want a massage, but write to nobody but my wife", preference=Preference.OPT_OUT)
    assert wish_of(longer) == Wish(Preference.OPT_OUT, Cause.PLATFORM)


@pytest.mark.parametrize("kind", [MessageKind.CALL, MessageKind.RECORDING, MessageKind.REVOCATION])
def test_only_what_a_person_wrote_or_said_is_read(kind: MessageKind) -> None:
    """A call's text is the platform's, and a message that was taken back says nothing any more."""
    assert wish_of(message(kind, text="STOP")) is None


def test_a_transcript_is_read_for_sentences_only() -> None:
    """Single words of a transcript are often misheard; "stop" alone is nobody's wish on a telephone."""
    for word in ("End.", "Stop.", "Stop it"):
        assert wish_of(message(MessageKind.TRANSCRIPT, text=word)) is None
    said = wish_of(message(MessageKind.TRANSCRIPT, text="Hello. Please do not call me again. Bye."))
    assert said == Wish(Preference.OPT_OUT, Cause.SENTENCE)


@pytest.mark.parametrize(
    ("kind", "said", "stops"),
    [
        (MessageKind.MESSAGE, ("STOP",), True),
        (MessageKind.MESSAGE, ("How much is it?", "STOP"), True),
        (MessageKind.CALL, ("Please stop calling me.",), True),
        (MessageKind.CALL, ("Stop.",), False),
        (MessageKind.MESSAGE, ("YES",), False),
        (MessageKind.MESSAGE, (), False),
    ],
    ids=["word", "word-later", "sentence-spoken", "word-spoken", "yes-to-a-question", "nothing"],
)
@pytest.mark.proves("DA-08")
def test_of_a_talk_only_the_persons_own_words_count(kind: MessageKind, said: tuple[str, ...], stops: bool) -> None:
    """Whatever the other side says in the same text, and a yes there is an answer."""
    text = "\n".join(["Agent: You said: stop calling me. Unsubscribe?", *(f"Caller: {each}" for each in said)])
    wish = wish_of(message(kind, text=text, own_words=said))
    assert (wish is not None and wish.preference is Preference.OPT_OUT) is stops
    assert wish is None or wish.is_alone is (said == ("STOP",))
