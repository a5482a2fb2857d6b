"""Who may show a form in a frame and post to it from a browser: the form's own list, nothing else (PF-01)."""

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from hub.core.forms.definition import FormDefinition, matches

PREFLIGHT_SECONDS = 600


def origin_in(address: str | None) -> str | None:
    """The origin of a web address, as a browser writes it; None where there is none."""
    try:
        parts = urlsplit(address or "")
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    return f"{parts.scheme}://{parts.hostname}{port}"


def page_origin(headers: Mapping[str, str]) -> str | None:
    """The origin of the page that makes a browser send this, as far as the browser tells."""
    origin = headers.get("Origin")
    return origin if origin and origin != "null" else origin_in(headers.get("Referer"))


def is_own(origin: str, host: str, public_origin: str) -> bool:
    """Whether an origin is the hub itself."""
    return origin == public_origin or urlsplit(origin).netloc == host


def is_listed(origin: str, form: FormDefinition) -> bool:
    """Whether the form's list has this origin."""
    return matches(origin, form.allowed_hosts)


def cors_headers(origin: str) -> dict[str, str]:
    """Headers that let a page of a listed origin read the answer. Never with credentials."""
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}


def preflight_headers(origin: str) -> dict[str, str]:
    """The answer to a preflight of a listed origin."""
    return {
        **cors_headers(origin),
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "content-type, idempotency-key",
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
    }


def content_security_policy(style_hash: str, ancestors: Iterable[str] = (), redirect: str | None = None) -> str:
    """The policy of a public page: own script, own small style, frames and redirects only where listed."""
    targets = " ".join(filter(None, ("'self'", origin_in(redirect))))
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src '{style_hash}'",
            "connect-src 'self'",
            "img-src data:",
            f"form-action {targets}",
            "base-uri 'none'",
            f"frame-ancestors {' '.join(ancestors) or chr(39) + 'none' + chr(39)}",
        )
    )
