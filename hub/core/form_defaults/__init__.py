"""What every lead of a source form gets: stage, type, source, priority, centre, assignee."""
