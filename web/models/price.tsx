// Prices as people read them: dollars for a million tokens. What is not known says so, and is never shown as nothing.

import { formatUsd } from '../format.ts'
import type { Price } from './data.ts'

/** The classes of usage, each with its name. */
export const CLASSES = [
  ['input', 'Input'],
  ['output', 'Output'],
  ['cache_read', 'Cache read'],
  ['cache_write', 'Cache write, 5 min'],
  ['cache_write_1h', 'Cache write, 1 h'],
  ['reasoning', 'Reasoning'],
  ['input_audio', 'Audio in'],
  ['output_audio', 'Audio out'],
  ['request', 'Each request'],
] as const

export type PriceClass = (typeof CLASSES)[number][0]

function amount(usd: number | null | undefined): string {
  return usd === null || usd === undefined ? '?' : formatUsd(usd)
}

/** `$0.25 / $2.00`, of a million tokens. */
export function PriceText({ price }: { price: Price | null }) {
  if (price === null) return <span class="soft">unknown</span>
  return (
    <span class="number" title="US dollars for a million tokens">
      {amount(price.input)} / {amount(price.output)}
    </span>
  )
}

/** Every class that has a price. */
export function PriceList({ price }: { price: Price | null }) {
  if (price === null) return <span class="soft">unknown</span>
  const known = CLASSES.filter(([name]) => price[name] !== undefined && price[name] !== null)
  return (
    <span>
      {known.map(([name, label], at) => (
        <span key={name} class="number">
          {at > 0 && ', '}
          {label} {amount(price[name])}
        </span>
      ))}
      {(price.steps?.length ?? 0) > 0 && <span class="soft">, more for long prompts</span>}
    </span>
  )
}
