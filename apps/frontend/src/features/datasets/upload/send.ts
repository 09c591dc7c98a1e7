import AwsS3 from '@uppy/aws-s3'
import Uppy from '@uppy/core'
import { downloadZip } from 'client-zip'
import { completeDataset, createDataset, resumeUpload } from '../../../api/client'
import { ApiError } from '../../../api/errors'
import type { Picked, Task } from './check'
import { forget, remember, unfinishedOf } from './unfinished'

type Upload = Awaited<ReturnType<typeof resumeUpload>>

export interface Progress {
  sent: number
  total: number
}

/** An upload in progress; `dataset` is its id once all is there. */
export interface Sending {
  dataset: Promise<string>
  pause: (paused: boolean) => void
  cancel: () => void
}

/** One zip of these files. Nothing is compressed, for images are already. */
export async function zipOf(files: readonly Picked[]): Promise<Blob> {
  const entries = files.map(({ path, file }) => ({
    input: file,
    name: path,
    // Always the same: the same files make the same zip.
    lastModified: new Date(0),
  }))
  return downloadZip(entries).blob()
}

/**
 * Send a zip in parts, by the links that the platform signs, as `yard dataset push` does. What an
 * earlier try with the same `mark` has sent is not sent again.
 */
export function send(
  zip: Blob,
  name: string,
  task: Task,
  mark: string,
  onProgress: (progress: Progress) => void,
): Sending {
  const uppy = new Uppy({ autoProceed: false })
  const dataset = (async () => {
    const before = unfinishedOf(mark)
    const open = before?.size === zip.size ? await goingOn(before.id) : null
    const { id, upload } = open ?? (await createDataset({ name, task, size: zip.size }))
    if (upload == null) return id
    remember(mark, { id, name, task, size: zip.size })
    let links = linksOf(upload)
    uppy.use(AwsS3, {
      shouldUseMultipart: true,
      limit: 4,
      getChunkSize: () => upload.part_size,
      createMultipartUpload: () => ({ uploadId: id, key: id }),
      signPart: (_, { partNumber }) => ({ url: links.get(partNumber) ?? '' }),
      // After a pause, too.
      listParts: async () => {
        const now = await resumeUpload(id)
        links = linksOf(now)
        return now.arrived.map(({ number, etag }) => ({ PartNumber: number, ETag: etag }))
      },
      // Nothing refers to the parts then; the store removes them after a while.
      abortMultipartUpload: () => undefined,
      completeMultipartUpload: async (_, { parts }) => {
        await completeDataset(
          id,
          parts.map(({ PartNumber = 0, ETag = '' }) => ({ number: PartNumber, etag: ETag })),
        )
        return {}
      },
    })
    uppy.on('upload-progress', (_, { bytesUploaded, bytesTotal }) => {
      onProgress({ sent: bytesUploaded, total: bytesTotal ?? zip.size })
    })
    const file = uppy.addFile({ name: `${name}.zip`, type: 'application/zip', data: zip })
    // With an id it asks first which parts are there.
    if (open !== null) uppy.setFileState(file, { s3Multipart: { key: id, uploadId: id } } as object)
    const result = await uppy.upload()
    const failed = result?.failed?.[0]
    if (failed !== undefined) throw new Error(refusalOf(failed.error ?? ''))
    forget(mark)
    return id
  })()
  return {
    dataset,
    pause: (paused) => {
      if (paused) uppy.pauseAll()
      else uppy.resumeAll()
    },
    cancel: () => {
      forget(mark)
      uppy.cancelAll()
    },
  }
}

const linksOf = ({ parts }: Upload) => new Map(parts.map(({ number, url }) => [number, url]))

/** The upload as it stands; null where it is open no longer, so that another is begun. */
async function goingOn(id: string): Promise<{ id: string; upload: Upload } | null> {
  try {
    return { id, upload: await resumeUpload(id) }
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 409)) return null
    throw error
  }
}

function refusalOf(told: string): string {
  return `The upload failed: ${told} Try again; if it fails again, the store's bucket of datasets may lack CORS for this address (methods GET and PUT, exposed header ETag).`
}
