"""LogIngest that no trainer has sent: it is taken from the executor when the attempt ends."""

from backend.callbacks import log_repository
from backend.callbacks.log_repository import LogWrite
from backend.context import Context
from backend.executors.base import AttemptRef
from backend.state.jobs import Attempt, Job

# As trainers send it: a reader of the log reads whole chunks.
CHUNK = 2**20


async def keep_log(ctx: Context, ref: AttemptRef) -> None:
    """Store what an attempt printed, unless its supervisor has sent it. Not after its end."""
    async with ctx.db.reading() as session:
        attempt, job = await session.get(Attempt, ref), await session.get(Job, ref.job_id)
    if attempt is None or job is None or job.log_size != attempt.log_base:
        return
    output = await ctx.executor.log(ref)
    if not output:
        return
    limit = ctx.settings.log_limit_bytes
    async with ctx.db.transaction() as session:
        for offset in range(0, len(output), CHUNK):
            write = LogWrite(attempt.token_sha256, offset, output[offset : offset + CHUNK])
            # Nothing is appended where the end is recorded already.
            await log_repository.append(session, {ref.job_id: write}, limit)
    await ctx.bus.publish(ref.job_id)
