import { type ReactNode, useEffect, useId, useRef } from 'react'

interface Props {
  title: string
  children: ReactNode
  confirm: string
  dismiss?: string
  /** Whether nothing is lost by it. */
  harmless?: boolean
  busy: boolean
  onConfirm: () => void
  onClose: () => void
}

/** Asks before something that cannot be undone. The browser keeps the focus inside, Escape leaves. */
export function ConfirmDialog(props: Props) {
  const {
    title,
    children,
    confirm,
    dismiss = 'Keep it',
    harmless = false,
    busy,
    onConfirm,
    onClose,
  } = props
  const id = useId()
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    dialog.current?.showModal()
  }, [])
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onClose}>
      <h2 id={id}>{title}</h2>
      <div>{children}</div>
      <div className="actions">
        <button type="button" onClick={() => dialog.current?.close()}>
          {dismiss}
        </button>
        <button
          type="button"
          className={harmless ? '' : 'danger'}
          disabled={busy}
          onClick={onConfirm}
        >
          {confirm}
        </button>
      </div>
    </dialog>
  )
}
