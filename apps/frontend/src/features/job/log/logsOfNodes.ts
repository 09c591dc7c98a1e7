import type { Artifact } from '../../../api/client'

const NAME = /^attempt-(\d+)\.node-(\d+)\.log$/

/** The stored logs of nodes among a job's files, the latest attempt first. */
export function logsOfNodes(files: Artifact[]) {
  return files
    .flatMap((file) => {
      const [, attempt, node] = NAME.exec(file.name) ?? []
      if (attempt === undefined || node === undefined) return []
      return { name: file.name, attempt: Number(attempt), node: Number(node), file }
    })
    .sort((one, other) => other.attempt - one.attempt || one.node - other.node)
}
