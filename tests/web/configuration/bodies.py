"""A body that each route can read, by method and path; routes that are not here read an empty one."""

from typing import Any

from tests.web.configuration.office import form_content

_STAGE = {"name": "A", "position": 1, "code": "a", "color": "#111111", "description": "b"}
_STAGES = [_STAGE, {**_STAGE, "code": "w", "position": 2, "kind": "won"}]
_RULE = {
    "name": "B",
    "conditions": {"all": [{"about": "language", "operator": "in", "operand": ["pt"]}]},
    "target": {"kind": "centre", "centre_id": None},
}
_MAPPING = {
    "rules": [{"field": "message", "questions": ["treatment"], "transform": {"kind": "fixed", "value": "a"}}],
}
_FIELD = {"label": "Size", "type": "single_choice", "choices": [{"value": "s", "label": "Small"}]}
_UNTIL = "2026-01-02T08:00:00Z"

BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/api/v1/pipelines"): {"name": "A", "stages": _STAGES},
    ("POST", "/api/v1/pipelines/{pipeline_id}/stages"): _STAGE,
    ("POST", "/api/v1/lead-sources"): {"name": "A", "color": "#111111", "description": "b"},
    ("POST", "/api/v1/lead-types"): {"name": "A", "code": "a", "description": "b"},
    ("POST", "/api/v1/master-form"): {"name": "A", "fields": [_FIELD]},
    ("PUT", "/api/v1/master-form"): {"name": "A", "fields": [_FIELD]},
    ("POST", "/api/v1/master-form/fields"): _FIELD,
    ("PATCH", "/api/v1/master-form/fields/{key}"): {"label": "A", "choices": _FIELD["choices"]},
    ("PUT", "/api/v1/source-forms/{source_form_id}/mapping"): {**_MAPPING, "based_on": 1},
    ("POST", "/api/v1/source-forms/{source_form_id}/mapping/check"): _MAPPING,
    ("POST", "/api/v1/source-forms/{source_form_id}/mapping/trial"): {
        **_MAPPING,
        "answers": {"email": ["a@b.example"]},
    },
    ("POST", "/api/v1/source-forms/{source_form_id}/adoptions"): {"question_key": "email", "new_field": _FIELD},
    ("PUT", "/api/v1/source-forms/{source_form_id}/defaults"): {"priority": "high"},
    ("PUT", "/api/v1/connections/{connection_id}/parts/{part_id}/defaults"): {"priority": "high"},
    ("POST", "/api/v1/routing/rules"): _RULE,
    ("PUT", "/api/v1/routing/rules/{rule_id}"): _RULE,
    ("PUT", "/api/v1/routing/rules/{rule_id}/position"): {"position": 1},
    ("PUT", "/api/v1/routing/strategy"): {"strategy": "weighted"},
    ("POST", "/api/v1/routing/what-if"): {"rules": [_RULE], "since": "2026-01-01T08:00:00Z", "until": _UNTIL},
    ("POST", "/api/v1/queues"): {"name": "A", "claim_within_minutes": 5},
    ("PATCH", "/api/v1/queues/{queue_id}"): {"name": "A", "claim_within_minutes": 5},
    ("PATCH", "/api/v1/assignees/{user_id}"): {"capacity": 1, "weight": 1},
    ("PUT", "/api/v1/assignees/{user_id}/absence"): {"absent_from": None, "absent_until": _UNTIL},
    ("PUT", "/api/v1/assignees/{user_id}/hours"): {
        "hours": {"mon": [["09:00", "17:00"]]},
        "time_zone": "Europe/Berlin",
    },
    ("POST", "/api/v1/forms"): form_content(),
    ("PUT", "/api/v1/forms/{form_id}"): form_content(),
    ("POST", "/api/v1/forms/{form_id}/preview"): {"values": {"email": ["ada@example.com"]}},
}
