"""Master form, field mapping, form defaults and routing are held by the core, and by nobody beside it."""

import ast

import pytest

import hub.core.tables as core
from tests.contract.test_layers import imports, modules

HELD = {
    "hub.core.master_form": {"master_forms", "master_fields", "master_form_versions"},
    "hub.core.field_mappings": {"source_forms", "field_mappings"},
    "hub.core.form_defaults": {"form_defaults", "part_defaults"},
    "hub.core.routing": {"routing_rules", "queues", "assignees", "assignments"},
}
"""The package that holds each of them, and the tables in which it does."""


@pytest.mark.proves("D-001", "D-002", "D-003", "D-004")
@pytest.mark.parametrize("package", HELD)
def test_what_the_core_holds_nobody_else_touches(package: str) -> None:
    """Its tables are the core's, only the core imports them, and no connector imports anything of the core."""
    mine = {table.name for table in core.metadata.tables.values()}
    assert HELD[package] <= mine
    strangers: list[str] = []
    for module, path in modules():
        if module.startswith("hub.core"):
            continue
        for imported, _ in imports(ast.parse(path.read_text("utf-8"))):
            is_table = imported.startswith(f"{package}.models")
            if is_table or (module.startswith("plugins") and imported.startswith("hub.core")):
                strangers.append(f"{module} imports {imported}")
    assert not strangers
