import type { Job } from '../../../api/client'

/** The trainer that does it, by the name of the one that has trained the model. */
export function trainerOf(job: Job): string {
  return `${job.trainer}-predict`
}
