"""The job that moves messages from our table to their platform."""

from uuid import UUID

from hub.core.jobs.service import Job

SEND = "send_messages"


def send_job(organisation_id: UUID, connection_id: UUID) -> Job:
    """Sends what waits at a connection; one at a time.

    It waits apart from the connection's other jobs: a platform that takes no more messages still lists its leads.
    """
    payload = {"organisation": str(organisation_id), "connection": str(connection_id)}
    return Job(SEND, f"{SEND}:{connection_id}", dict(payload), organisation_id, f"sending:{connection_id}")
