"""Which fields a query may select, filter and sort, from the fields reference of the API (v26)."""

from typing import NamedTuple


class Field(NamedTuple):
    """One field. ``is_time`` asks for a time as the value of a condition."""

    can_filter: bool = True
    can_sort: bool = False
    is_time: bool = False


FILTERED = Field()
SORTED = Field(can_sort=True)
SHOWN = Field(can_filter=False)
TIME = Field(can_sort=True, is_time=True)

FIELDS: dict[str, Field] = {
    "lead_form_submission_data.resource_name": FILTERED,
    "lead_form_submission_data.id": SORTED,
    "lead_form_submission_data.asset": FILTERED,
    "lead_form_submission_data.campaign": FILTERED,
    "lead_form_submission_data.ad_group": FILTERED,
    "lead_form_submission_data.ad_group_ad": FILTERED,
    "lead_form_submission_data.gclid": FILTERED,
    "lead_form_submission_data.submission_date_time": TIME,
    "lead_form_submission_data.lead_form_submission_fields": SHOWN,
    "lead_form_submission_data.custom_lead_form_submission_fields": SHOWN,
    "asset.resource_name": FILTERED,
    "asset.id": SORTED,
    "asset.name": SORTED,
    "asset.type": SORTED,
    "asset.lead_form_asset.headline": FILTERED,
    "asset.lead_form_asset.business_name": FILTERED,
    "asset.lead_form_asset.privacy_policy_url": FILTERED,
    "asset.lead_form_asset.custom_disclosure": FILTERED,
    "asset.lead_form_asset.fields": SHOWN,
    "asset.lead_form_asset.custom_question_fields": SHOWN,
    "asset.lead_form_asset.delivery_methods": SHOWN,
    "customer_client.resource_name": FILTERED,
    "customer_client.id": SORTED,
    "customer_client.client_customer": FILTERED,
    "customer_client.descriptive_name": SORTED,
    "customer_client.manager": SORTED,
    "customer_client.level": SORTED,
    "customer_client.status": SORTED,
    "customer_client.time_zone": SORTED,
    "campaign.resource_name": FILTERED,
    "campaign.id": SORTED,
    "campaign.name": SORTED,
    "ad_group.resource_name": FILTERED,
    "ad_group.id": SORTED,
    "ad_group.name": SORTED,
    "conversion_action.resource_name": FILTERED,
    "conversion_action.id": SORTED,
    "conversion_action.name": SORTED,
    "conversion_action.type": SORTED,
    "conversion_action.status": SORTED,
    "customer.resource_name": FILTERED,
    "customer.id": SORTED,
    "customer.descriptive_name": SORTED,
}

ATTRIBUTED: dict[str, frozenset[str]] = {
    "lead_form_submission_data": frozenset({"ad_group", "ad_group_ad", "asset", "campaign", "customer"}),
    "asset": frozenset({"customer"}),
    "customer_client": frozenset({"customer"}),
    "conversion_action": frozenset({"customer"}),
}
"""What may stand in FROM, and whose fields may be selected with it."""


def json_name(name: str) -> str:
    """A field's name in REST: lowerCamelCase."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
