"""The words of the public pages, by language. A form's own texts come from its definition."""

from collections.abc import Mapping
from types import MappingProxyType

_ENGLISH = {
    "submit": "Send",
    "sending": "Sending …",
    "required_note": "Fields marked * are required.",
    "choose": "Please choose",
    "yes": "Yes",
    "no": "No",
    "leave_empty": "Leave this field empty",
    "fix_errors": "Please check these fields:",
    "required": "Please fill in this field.",
    "consent_required": "Please tick this box, or the form cannot be sent.",
    "not_an_email": "Please enter an e-mail address such as name@example.com.",
    "not_a_phone": "Please enter a phone number with at least 5 digits.",
    "not_a_number": "Please enter a number.",
    "not_a_date": "Please enter a date.",
    "not_a_choice": "Please choose one of the options.",
    "too_long": "This text is too long; please shorten it.",
    "thank_you": "Thank you",
    "thank_you_text": "We have received your message.",
    "continue": "Continue",
    "close": "Close",
    "not_available": "This form is not available",
    "not_available_text": "The address may be mistyped, or the form is not published yet.",
    "closed": "This form is closed",
    "closed_text": "It does not take any messages at the moment.",
    "key_reused": "This form was sent already",
    "key_reused_text": "Your first message has arrived. What you see now is different: send it as a new message?",
    "send_as_new": "Send as a new message",
    "unavailable": "Your message could not be stored",
    "unavailable_text": "Nothing is lost: what you typed is kept on this page. Please wait a moment and send it again.",
    "send_again": "Send again",
    "too_many": "Too many messages at once",
    "too_many_text": "Please wait a little, go back, and send the form again.",
    "host_not_listed": "This website may not use this form",
    "host_not_listed_text": "The owner of the form has to add the website to the form's list of allowed hosts.",
    "unreadable": "The message could not be read",
    "unreadable_text": "Please go back, check the form and send it again.",
    "kept": "The server cannot be reached at the moment. Your message is kept in this browser and is sent again by "
    "itself; you may leave this page open.",
    "resent": "A message that you sent earlier has now arrived. Thank you.",
}

_GERMAN = {
    "submit": "Absenden",
    "sending": "Wird gesendet …",
    "required_note": "Mit * markierte Felder sind Pflichtfelder.",
    "choose": "Bitte wählen",
    "yes": "Ja",
    "no": "Nein",
    "leave_empty": "Dieses Feld bitte leer lassen",
    "fix_errors": "Bitte prüfen Sie diese Felder:",
    "required": "Bitte füllen Sie dieses Feld aus.",
    "consent_required": "Bitte setzen Sie hier ein Häkchen, sonst kann das Formular nicht gesendet werden.",
    "not_an_email": "Bitte geben Sie eine E-Mail-Adresse wie name@example.com ein.",
    "not_a_phone": "Bitte geben Sie eine Telefonnummer mit mindestens 5 Ziffern ein.",
    "not_a_number": "Bitte geben Sie eine Zahl ein.",
    "not_a_date": "Bitte geben Sie ein Datum ein.",
    "not_a_choice": "Bitte wählen Sie eine der Möglichkeiten.",
    "too_long": "Dieser Text ist zu lang; bitte kürzen Sie ihn.",
    "thank_you": "Vielen Dank",
    "thank_you_text": "Wir haben Ihre Nachricht erhalten.",
    "continue": "Weiter",
    "close": "Schließen",
    "not_available": "Dieses Formular ist nicht verfügbar",
    "not_available_text": "Vielleicht ist die Adresse falsch geschrieben, oder das Formular ist noch nicht online.",
    "closed": "Dieses Formular ist geschlossen",
    "closed_text": "Zurzeit werden hier keine Nachrichten angenommen.",
    "key_reused": "Dieses Formular wurde schon gesendet",
    "key_reused_text": "Ihre erste Nachricht ist angekommen. Diese hier ist anders: als neue Nachricht senden?",
    "send_as_new": "Als neue Nachricht senden",
    "unavailable": "Ihre Nachricht konnte nicht gespeichert werden",
    "unavailable_text": "Nichts ist verloren: Ihre Eingaben stehen noch auf dieser Seite. Bitte senden Sie sie gleich "
    "noch einmal.",
    "send_again": "Noch einmal senden",
    "too_many": "Zu viele Nachrichten auf einmal",
    "too_many_text": "Bitte warten Sie etwas, gehen Sie zurück und senden Sie das Formular noch einmal.",
    "host_not_listed": "Diese Website darf das Formular nicht verwenden",
    "host_not_listed_text": "Der Besitzer des Formulars muss die Website in die Liste der erlaubten Hosts aufnehmen.",
    "unreadable": "Die Nachricht konnte nicht gelesen werden",
    "unreadable_text": "Bitte gehen Sie zurück, prüfen Sie das Formular und senden Sie es noch einmal.",
    "kept": "Der Server ist gerade nicht erreichbar. Ihre Nachricht bleibt in diesem Browser gespeichert und wird von "
    "selbst noch einmal gesendet; Sie können die Seite offen lassen.",
    "resent": "Eine früher gesendete Nachricht ist jetzt angekommen. Vielen Dank.",
}

_BY_LANGUAGE: Mapping[str, Mapping[str, str]] = MappingProxyType({"en": _ENGLISH, "de": _GERMAN})


def phrases(language: str) -> Mapping[str, str]:
    """The words in a language (BCP 47), English where there is no translation."""
    return _BY_LANGUAGE.get(language.partition("-")[0].lower(), _ENGLISH)


def spoken(accept_language: str) -> str:
    """The first language of an ``Accept-Language`` header that pages exist in."""
    for part in accept_language[:200].split(","):
        language = part.partition(";")[0].strip().partition("-")[0].lower()
        if language in _BY_LANGUAGE:
            return language
    return "en"
