"""Bodies that are almost right: whatever stands in one place, the hub takes it or names what is wrong."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from hub.web.api.configuration import configuration_routes
from tests.web.configuration.bodies import BODIES
from tests.web.configuration.objects import objects_of
from tests.web.configuration.office import Office

HOSTILE = ("a\x00\U0001f600", 10**30, None)


def spoilt(body: Any) -> Iterator[Any]:
    """The body with each value in it replaced by each hostile one."""
    if isinstance(body, dict):
        for key, value in body.items():
            yield from ({**body, key: other} for other in spoilt(value))
    elif isinstance(body, list):
        for place, value in enumerate(body):
            yield from ([*body[:place], other, *body[place + 1 :]] for other in spoilt(value))
    else:
        yield from HOSTILE


async def test_no_body_makes_the_hub_fail(office: Office) -> None:
    """A broken value is taken, cleaned or refused with its place; never an internal error."""
    session = office.hub.token_of(office.hub.mine.user_ids["Administrator"])
    ids = office.database.write_now(objects_of, office.hub.mine)
    answers: Counter[int] = Counter()
    for route in (route for group in configuration_routes() for route in group):
        url = route.path.format(**ids)
        for body in spoilt(BODIES.get((route.method, route.path), {})):
            answer = await office.hub.ask(route.method, url, session=session, body=body)
            assert answer.status < 500, f"{route.method} {route.path} {body}"
            assert answer.status != 422 or answer.json["errors"], f"{route.method} {route.path} {body}"
            answers[answer.status] += 1
    assert answers[422] > answers.total() / 2


async def test_no_address_makes_the_hub_fail(office: Office) -> None:
    """Broken parts of the path are not there, broken parameters are refused."""
    session = office.hub.token_of(office.hub.mine.user_ids["Administrator"])
    ids = office.database.write_now(objects_of, office.hub.mine)
    for route in (route for group in configuration_routes() for route in group if route.method == "GET"):
        for name in route.path_model.model_fields:
            for part in ("a%00", "%ff", "9" * 30):
                answer = await office.hub.ask("GET", route.path.format(**{**ids, name: part}), session=session)
                assert answer.status == 404, f"{route.path} {name}={part}"
        for name in route.query_model.model_fields:
            answer = await office.hub.ask("GET", f"{route.path.format(**ids)}?{name}=a\x00", session=session)
            assert answer.status == 400, f"{route.path}?{name}"
