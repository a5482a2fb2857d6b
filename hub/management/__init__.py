"""The work around leads: setting an organisation up, forms, tasks, workflows."""
