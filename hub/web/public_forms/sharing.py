"""What an admin copies to share a form: link, frame, script, pop-up, HTML (Z-115, Z-152 to Z-154, P-05, P-06)."""

from dataclasses import dataclass
from html import escape

from hub.core.forms.definition import FormDefinition
from hub.core.forms.queries import FormRow
from hub.core.forms.status import FormStatus
from hub.web.public_forms.page import render_plain
from hub.web.public_forms.phrases import phrases

FRAME_HEIGHT = 640


class NotShareableError(Exception):
    """Only Active forms can be shared (Z-124)."""


@dataclass(frozen=True, slots=True)
class Share:
    """Ways to use a form. All but ``link`` are to be pasted into the HTML of a listed host."""

    link: str
    iframe: str
    script: str
    popup: str
    html: str


def share(form: FormRow, published: FormDefinition | None, public_origin: str) -> Share:
    """The link and the codes; ``published`` is what collects. Raises ``NotShareableError`` unless it is Active."""
    if form.status is not FormStatus.ACTIVE or published is None:
        raise NotShareableError(f'"{form.title}" is {form.status.value}; publish or activate it before sharing it')
    link = f"{public_origin}/f/{form.public_key}"
    title = escape(form.title, quote=True)
    script = f'<script async src="{link}/embed.js"></script>'
    iframe = (
        f'<iframe src="{link}" title="{title}" data-leadhub-form="{form.public_key}" width="100%" '
        f'height="{FRAME_HEIGHT}" style="border:0" referrerpolicy="origin"></iframe>\n{script}'
    )
    popup = (
        f'<a href="{link}" data-leadhub-open="{form.public_key}">{title}</a>\n'
        f'<script async src="{link}/embed.js" data-mode="popup" data-title="{title}" '
        f'data-close="{phrases(published.language)["close"]}"></script>'
    )
    return Share(link=link, iframe=iframe, script=script, popup=popup, html=render_plain(published, link))
