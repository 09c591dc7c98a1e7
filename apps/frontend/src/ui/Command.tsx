import { useRef, useState } from 'react'
import { Icon } from './Icon'

/** A command line, or a file of several, to take away. */
export function Command({ text, label = 'Copy the command' }: { text: string; label?: string }) {
  const code = useRef<HTMLElement>(null)
  const [copied, setCopied] = useState(false)
  function copy() {
    // A page that is served without TLS may not write to the clipboard: Ctrl-C does it then.
    if (!window.isSecureContext) {
      if (code.current !== null) window.getSelection()?.selectAllChildren(code.current)
      return
    }
    void navigator.clipboard.writeText(text).then(() => {
      setCopied(true)
      setTimeout(() => {
        setCopied(false)
      }, 1500)
    })
  }
  return (
    <div className={text.includes('\n') ? 'command of-lines' : 'command'}>
      <code ref={code}>{text}</code>
      <button type="button" className="quiet icon-only" onClick={copy} aria-label={label}>
        <Icon name="copy" />
      </button>
      <span role="status" className={copied ? 'copied' : 'visually-hidden'}>
        {copied ? 'Copied' : ''}
      </span>
    </div>
  )
}
