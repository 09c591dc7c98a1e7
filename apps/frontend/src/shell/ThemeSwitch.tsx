import { Icon, type IconName } from '../ui/Icon'
import { type Theme, chooseTheme, useTheme } from './theme'

const CHOICES: readonly { theme: Theme; icon: IconName; text: string }[] = [
  { theme: 'light', icon: 'sun', text: 'Light' },
  { theme: 'dark', icon: 'moon', text: 'Dark' },
  { theme: 'system', icon: 'system', text: 'As the system' },
]

export function ThemeSwitch() {
  const current = useTheme()
  return (
    <fieldset className="segments theme">
      <legend className="visually-hidden">Colours</legend>
      {CHOICES.map(({ theme, icon, text }) => (
        <label key={theme} title={text}>
          <input
            type="radio"
            name="theme"
            className="visually-hidden"
            checked={theme === current}
            onChange={() => {
              chooseTheme(theme)
            }}
          />
          <Icon name={icon} />
          <span className="visually-hidden">{text}</span>
        </label>
      ))}
    </fieldset>
  )
}
