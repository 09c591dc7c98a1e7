import { Suspense, lazy, useState } from 'react'
import { Icon } from '../../../ui/Icon'
import { Loading } from '../../../ui/Loading'
import { useDrop } from '../../../ui/useDrop'
import { type Pick, pickOfDrop, pickOfFiles } from './pick'

const UploadPanel = lazy(() =>
  import('./UploadPanel').then(({ UploadPanel }) => ({ default: UploadPanel })),
)

/** Takes a folder or a zip, dropped or chosen. */
export function DropZone() {
  const [pick, setPick] = useState<Pick | null>(null)
  const drop = useDrop((dropped) => void pickOfDrop(dropped).then(setPick))
  if (pick !== null) {
    return (
      <Suspense fallback={<Loading what="upload" />}>
        <UploadPanel
          pick={pick}
          onClose={() => {
            setPick(null)
          }}
        />
      </Suspense>
    )
  }
  return (
    // Dropping is a second way; the buttons in it are the first.
    <section aria-label="Upload a dataset" {...drop}>
      <Icon name="datasets" />
      <span>Drop a folder or a zip here, or choose</span>
      <FileButton text="a folder" isFolder onPick={setPick} />
      <FileButton text="a zip" onPick={setPick} />
    </section>
  )
}

interface FileProps {
  text: string
  isFolder?: boolean
  onPick: (pick: Pick | null) => void
}

function FileButton({ text, isFolder = false, onPick }: FileProps) {
  return (
    <label className="button">
      {text}
      <input
        type="file"
        className="visually-hidden"
        {...(isFolder ? { webkitdirectory: '' } : { accept: '.zip' })}
        onChange={({ target }) => {
          onPick(pickOfFiles([...(target.files ?? [])]))
        }}
      />
    </label>
  )
}
