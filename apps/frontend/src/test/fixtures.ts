import type { Job, Readiness } from '../api/client'

/** A job in its second attempt, three epochs in; `changes` override any field. */
export function job(changes: Partial<Job> = {}): Job {
  return {
    id: '3f9a1c0b7d2e',
    name: 'digits',
    notes: null,
    tags: [],
    status: 'running',
    cause: null,
    message: null,
    trainer: 'ultralytics',
    task: 'detect',
    dataset_id: '0a1b2c3d4e5f',
    config: { epochs: 10, imgsz: 96 },
    weights: null,
    debug: false,
    debug_port: null,
    resources: { cpu: 2, memory: '4Gi', gpu: 0, nodes: 1 },
    attempt: 1,
    max_attempts: 3,
    max_duration_s: null,
    phase: 'training',
    epoch: 2,
    step: 30,
    progress: 0.3,
    speed: 41.4,
    metrics: { 'train/box_loss': 1.2, 'metrics/mAP50-95(B)': 0.5, 'metrics/mAP50(B)': 0.8125 },
    best: null,
    mlflow_run_id: null,
    log_size: 1000,
    created_by: null,
    created_at: '2026-11-24T12:00:00Z',
    earlier_duration_s: 0,
    started_at: '2026-11-24T12:00:01Z',
    first_step_at: '2026-11-24T12:00:02Z',
    finished_at: null,
    ...changes,
  }
}

export const WELL: Readiness = {
  status: 'ok',
  checks: { database: 'ok', store: 'ok', temporal: 'ok', launcher: 'ok' },
}
