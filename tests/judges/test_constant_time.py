"""Secrets are compared in constant time: a rule over the source (WH-02)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRET = re.compile(r"signature|secret|token|password|digest|hmac|verifier|challenge|proof", re.IGNORECASE)
SEARCHED = ("hub/connector", "hub/web", "hub/core/accounts", "hub/core/connections", "plugins")
HARMLESS = {
    "plugins/web_forms/render_token.py: token.form_key != form_key",  # the form's public key
    "plugins/google_ads/oauth.py: error.code != TOKEN_UNKNOWN",  # the name of an error
    "plugins/google_ads/leads.py: error.code != PAGE_TOKEN",  # the name of an error
    "plugins/google_ads/api.py: following == token",  # the place in a listing, which the platform gave us
    "plugins/sms_voice/vonage/signatures.py: token[:len(BEARER)].lower() != BEARER",  # the name of a scheme
    "plugins/sms_voice/whatsapp/contents.py: key != FLOW_TOKEN",  # the name of a field
    "hub/core/connections/keyring.py: len(key.get_secret_value()) != KEY_BYTES",  # a length of our own key
}


def sources() -> Iterator[Path]:
    """Every module in which something secret is handled, without tests and simulators."""
    for folder in SEARCHED:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not {"tests", "simulator"} & set(path.parts) and path.name != "simulator.py":
                yield path


def plain_comparisons(tree: ast.AST) -> Iterator[str]:
    """Comparisons of texts with ``==``, ``!=`` or ``in`` in which a name speaks of something secret."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
            continue
        sides = (node.left, *node.comparators)
        names = [each for side in sides for each in ast.walk(side) if isinstance(each, ast.Name | ast.Attribute)]
        if any(isinstance(side, ast.Constant) for side in sides):
            continue
        if any(SECRET.search(each.id if isinstance(each, ast.Name) else each.attr) for each in names):
            yield ast.unparse(node)


@pytest.mark.proves("WH-02")
def test_nothing_secret_is_compared_with_the_ordinary_operators() -> None:
    """Signatures, tokens and secrets go through ``hmac.compare_digest``; a look-up by hash is not a comparison."""
    found = {
        f"{path.relative_to(ROOT)}: {text}"
        for path in sources()
        for text in plain_comparisons(ast.parse(path.read_text("utf-8")))
        if ".c." not in text
    }
    assert found - HARMLESS == set()


def test_the_rule_sees_what_it_should() -> None:
    """It would notice the mistakes it is for."""
    assert list(plain_comparisons(ast.parse("if signature == expected: pass")))
    assert list(plain_comparisons(ast.parse("return self.secret != given.token")))
    assert not list(plain_comparisons(ast.parse("if len(parts) != 7 or kind == 'token': pass")))
