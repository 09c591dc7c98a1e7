"""Output that no trainer has sent: it is taken from the executor when the attempt ends."""

import logging

from backend.context import Context
from backend.jobs import callback_repository
from backend.jobs.models import Attempt, Job
from backend.problems import Problem
from backend.training.executor import AttemptRef

logger = logging.getLogger(__name__)

# As trainers send it: a reader of the log reads whole chunks.
CHUNK = 2**20


async def keep_output(ctx: Context, ref: AttemptRef) -> None:
    """Store what an attempt printed, unless its supervisor has sent it. Not after its end."""
    async with ctx.db.reading() as session:
        attempt, job = await session.get(Attempt, ref), await session.get(Job, ref.job_id)
    if attempt is None or job is None or job.log_size != attempt.log_base:
        return
    output = await ctx.executor.output(ref)
    if not output:
        return
    try:
        async with ctx.db.transaction() as session:
            for offset in range(0, len(output), CHUNK):
                await callback_repository.append_log(
                    session,
                    ref.job_id,
                    attempt.token_sha256,
                    offset=offset,
                    data=output[offset : offset + CHUNK],
                    limit=ctx.settings.log_limit_bytes,
                )
    except Problem as problem:
        # The end is recorded already.
        logger.debug("job %s: attempt %d: %s", *ref, problem)
    await ctx.bus.publish(ref.job_id)
