"""A Meta on loopback, and the connector connected with it."""

from collections.abc import AsyncIterator

import pytest

from hub.connector.models import Choice, FieldType, Question, SourceForm
from hub.testing.clock import VirtualClock
from hub.testing.connected import ConnectedSource
from hub.testing.transport import LoopbackTransport
from plugins.meta_ads.connector import MetaAds
from plugins.meta_ads.simulator import MetaAdsSimulator

QUESTIONS = (
    Question(key="full_name", label="Full name"),
    Question(key="email", label="E-mail", kind=FieldType.EMAIL),
    Question(
        key="which_service?",
        label="Which service?",
        kind=FieldType.SINGLE_CHOICE,
        choices=(Choice(value="roof", label="Roof"), Choice(value="gutter", label="Gutter")),
    ),
    Question(key="optional_1", label="Send me news", kind=FieldType.CONSENT),
)


class Meta(ConnectedSource):
    """The connected source with Meta's own simulator type."""

    simulator: MetaAdsSimulator
    connector: MetaAds

    def publish(self, page_id: str | None = None, name: str = "Roof check") -> SourceForm:
        """A form with a name, an address, a choice and a consent box."""
        return self.simulator.forms[self.simulator.add_form(name, QUESTIONS, part_id=page_id)]


@pytest.fixture
async def meta() -> AsyncIterator[Meta]:
    """Not signed in yet."""
    clock = VirtualClock()
    simulator = MetaAdsSimulator(clock)
    async with simulator, LoopbackTransport(simulator.origin_overrides()) as transport:
        yield Meta(simulator, MetaAds(), clock, transport)


@pytest.fixture
async def connected(meta: Meta) -> Meta:
    """Signed in as Ada, who shares two Pages and everything that is asked for."""
    await meta.sign_in()
    return meta
