"""Who works on a lead: rules, strategies, capacity, queues, and the trace that explains it."""
