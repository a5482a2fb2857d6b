"""What an admin copies to share a form: a link, an iframe, a script (Z-115, Z-152 to Z-154)."""

from dataclasses import dataclass
from html import escape

from hub.core.forms.queries import FormRow
from hub.core.forms.status import FormStatus

FRAME_HEIGHT = 640


class NotShareableError(Exception):
    """Only Active forms can be shared (Z-124)."""


@dataclass(frozen=True, slots=True)
class Share:
    """Ways to use a form. ``iframe`` and ``script`` are to be pasted into the HTML of a listed host."""

    link: str
    iframe: str
    script: str


def share(form: FormRow, public_origin: str) -> Share:
    """The link and the two embed codes. Raises ``NotShareableError`` unless the form is Active."""
    if form.status is not FormStatus.ACTIVE:
        raise NotShareableError(f'"{form.title}" is {form.status.value}; publish or activate it before sharing it')
    link = f"{public_origin}/f/{form.public_key}"
    title = escape(form.title, quote=True)
    script = f'<script async src="{link}/embed.js"></script>'
    iframe = (
        f'<iframe src="{link}" title="{title}" data-leadhub-form="{form.public_key}" width="100%" '
        f'height="{FRAME_HEIGHT}" style="border:0" referrerpolicy="origin"></iframe>\n{script}'
    )
    return Share(link=link, iframe=iframe, script=script)
