import AwsS3 from '@uppy/aws-s3'
import Uppy from '@uppy/core'
import { downloadZip } from 'client-zip'
import { completeDataset, createDataset } from '../../../api/client'
import type { Picked, Task } from './check'

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

/** Send a zip in parts, by the links that the platform signs, as `yard dataset push` does. */
export function send(
  zip: Blob,
  name: string,
  task: Task,
  onProgress: (progress: Progress) => void,
): Sending {
  const uppy = new Uppy({ autoProceed: false })
  const dataset = (async () => {
    const { id, upload } = await createDataset({ name, task, size: zip.size })
    if (upload == null) return id
    uppy.use(AwsS3, {
      shouldUseMultipart: true,
      limit: 4,
      getChunkSize: () => upload.part_size,
      createMultipartUpload: () => ({ uploadId: id, key: id }),
      signPart: (_, { partNumber }) => ({ url: upload.parts[partNumber - 1]?.url ?? '' }),
      listParts: () => [],
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
    uppy.addFile({ name: `${name}.zip`, type: 'application/zip', data: zip })
    const result = await uppy.upload()
    const failed = result?.failed?.[0]
    if (failed !== undefined) throw new Error(refusalOf(failed.error ?? ''))
    return id
  })()
  return {
    dataset,
    pause: (paused) => {
      if (paused) uppy.pauseAll()
      else uppy.resumeAll()
    },
    cancel: () => {
      uppy.cancelAll()
    },
  }
}

function refusalOf(told: string): string {
  return `The upload failed: ${told} Try again; if it fails again, the store's bucket of datasets may lack CORS for this address (methods GET and PUT, exposed header ETag).`
}
