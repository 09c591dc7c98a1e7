import { screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { downloadZip } from 'client-zip'
import { expect, it } from 'vitest'
import { showAt } from '../../test/render'
import { serve } from '../../test/server'

async function weights(name: string, type: string, yaml: string): Promise<File> {
  const pickle = `cultralytics.nn.tasks\n${type}\nyaml_fileX${String.fromCharCode(yaml.length)}\0\0\0${yaml}`
  const input = new TextEncoder().encode(pickle)
  const zip = await downloadZip([{ name: 'best/data.pkl', input }]).arrayBuffer()
  return new File([new Uint8Array(zip)], name)
}

it('tells of each picked file what that one is', async () => {
  await serve({
    '/api/v1/models': () => ({ json: { items: [], next_cursor: null } }),
    '/api/v1/weights': () => ({ json: { items: [], next_cursor: null, downloads: false } }),
  })
  const user = userEvent.setup()
  showAt('/models')
  const pick = async (file: File) => {
    await user.upload(await screen.findByLabelText('a .pt file'), file)
    const upload = within(await screen.findByRole('region', { name: 'Upload of weights' }))
    return {
      task: (await upload.findByLabelText<HTMLSelectElement>('Task')).value,
      model: upload.getByLabelText<HTMLInputElement>('Model').value,
    }
  }
  const first = await weights('one.pt', 'DetectionModel', 'yolo11n.yaml')
  expect(await pick(first)).toEqual({ task: 'detect', model: 'yolo11n' })
  await user.click(screen.getByRole('button', { name: 'Cancel' }))
  const second = await weights('two.pt', 'PoseModel', 'yolo11s-pose.yaml')
  expect(await pick(second)).toEqual({ task: 'pose', model: 'yolo11s' })
})
