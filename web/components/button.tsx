// Buttons, and links that look like them. One that waits for its work says so and takes no second click.

import type { ComponentChildren, JSX } from 'preact'
import { Icon, type IconName } from '../icons.tsx'
import { Link } from '../router.tsx'

type Native = Omit<JSX.IntrinsicElements['button'], 'size' | 'icon' | 'ref' | 'label'>

export interface ButtonProps extends Native {
  readonly variant?: 'default' | 'primary' | 'danger' | 'ghost'
  readonly size?: 'small' | 'normal'
  readonly icon?: IconName
  /** Its work is under way: it can't be pressed again, and says so. */
  readonly pending?: boolean
  readonly children?: ComponentChildren
}

export function Button(props: ButtonProps) {
  const {
    children,
    class: className,
    icon,
    pending = false,
    size,
    type = 'button',
    variant = 'default',
    ...rest
  } = props
  const { disabled, onClick, ...native } = rest
  return (
    <button
      type={type}
      class={classOf(variant, size, className)}
      disabled={disabled ?? false}
      aria-busy={pending}
      aria-disabled={pending || undefined}
      {...native}
      onClick={(event) => {
        if (pending) event.preventDefault()
        else onClick?.(event)
      }}
    >
      {pending ? <span class="spinner" aria-hidden="true" /> : icon && <Icon name={icon} />}
      {children !== undefined && <span>{children}</span>}
    </button>
  )
}

export interface IconButtonProps extends Omit<ButtonProps, 'children' | 'icon'> {
  readonly icon: IconName
  /** What it does, for those who don't see it; shown on hover. */
  readonly label: string
}

export function IconButton({
  class: className,
  label,
  variant = 'ghost',
  ...rest
}: IconButtonProps) {
  return (
    <Button
      {...rest}
      variant={variant}
      class={`icon-button ${nameOf(className)}`}
      aria-label={label}
      title={label}
    />
  )
}

export interface ButtonLinkProps extends Omit<
  JSX.IntrinsicElements['a'],
  'href' | 'icon' | 'size' | 'ref'
> {
  readonly href: string
  readonly variant?: ButtonProps['variant']
  readonly size?: ButtonProps['size']
  readonly icon?: IconName
  readonly children?: ComponentChildren
}

/** Goes somewhere and looks like a button; what does something is a button. */
export function ButtonLink({
  children,
  class: className,
  icon,
  size,
  variant = 'default',
  ...rest
}: ButtonLinkProps) {
  return (
    <Link class={classOf(variant, size, className)} {...rest}>
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </Link>
  )
}

function classOf(
  variant: ButtonProps['variant'],
  size: ButtonProps['size'],
  more: unknown,
): string {
  return `button button-${variant ?? 'default'}${size === 'small' ? ' button-small' : ''} ${nameOf(more)}`.trim()
}

function nameOf(more: unknown): string {
  return typeof more === 'string' ? more : ''
}
