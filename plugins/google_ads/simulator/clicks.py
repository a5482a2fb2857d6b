"""Conversion actions, and the clicks that conversions are counted for."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Click:
    """A click on an ad of an account."""

    account_id: str
    at: datetime


@dataclass
class ConversionAction:
    """What an advertiser counts. ``made_at`` None: long ago. ``click_window`` is for how long after a click."""

    id: str
    name: str
    account_id: str
    type: str = "UPLOAD_CLICKS"
    status: str = "ENABLED"
    made_at: datetime | None = None
    click_window: timedelta = timedelta(days=90)
