"""Yes and no, as forms and people in several languages write them."""

_YES = frozenset(
    [
        "1",
        "checked",
        "da",
        "evet",
        "hai",
        "igen",
        "ita",
        "ja",
        "jah",
        "jo",
        "kyllä",
        "kyla",
        "oui",
        "on",
        "si",
        "sim",
        "sí",
        "tak",
        "taip",
        "true",
        "x",
        "y",
        "yes",
        "ano",
        "да",
        "так",
        "ναι",
        "ναί",
        "نعم",
        "כן",
        "हाँ",
        "हां",
        "是",
        "是的",
        "はい",
        "네",
        "예",
        "ใช่",
        "✓",
        "✔",
        "☑",
    ]
)
_NO = frozenset(
    [
        "0",
        "ei",
        "false",
        "hayır",
        "n",
        "ne",
        "nee",
        "nej",
        "nei",
        "nein",
        "nem",
        "nie",
        "no",
        "non",
        "não",
        "nao",
        "nein",
        "nu",
        "off",
        "όχι",
        "οχι",
        "нет",
        "ні",
        "لا",
        "לא",
        "नहीं",
        "否",
        "不是",
        "いいえ",
        "아니요",
        "아니오",
        "ไม่",
        "unchecked",
    ]
)


def read_yes_no(text: str) -> tuple[bool | None, str]:
    """True or False, or None and the code ``not_yes_or_no`` where the word is neither."""
    word = text.strip().rstrip(".!").casefold()
    if word in _YES:
        return True, ""
    return (False, "") if word in _NO else (None, "not_yes_or_no")
