"""What routing needs to know of an incoming submission."""

from uuid import UUID

from hub.core.leads.incoming import Incoming
from hub.core.routing.request import RoutingRequest


def request_of(item: Incoming, former_owner_id: UUID | None) -> RoutingRequest:
    """The routing request of a new lead; ``former_owner_id`` had the last lead of the same person."""
    placement, submission = item.placement, item.submission
    return RoutingRequest(
        values=item.mapped.values,
        source_form_id=item.source_form_id,
        source_id=placement.source_id,
        type_id=placement.type_id,
        centre_id=placement.centre_id,
        priority=placement.priority,
        campaign=submission.campaign.model_dump(exclude_defaults=True) if submission.campaign else None,
        language=submission.language,
        default_assignee_id=placement.assignee_id,
        former_owner_id=former_owner_id,
    )
