// Tool-call ids in the shape Anthropic takes: letters, digits, `_` and `-`, and unique in a conversation. Other providers
// number calls from zero in every turn, or give no id at all; the n-th result of an id belongs to its n-th call.

import type { LossList } from '../../core/ir/loss.ts'
import { at } from './wire.ts'

const ALLOWED = /^[a-zA-Z0-9_-]+$/

/** Maps the ids of one conversation, in order; equal conversations map equally. A changed id is the loss `tool-id` (adapted). */
export class ToolIds {
  private readonly calls = new Map<string, string[]>()
  private readonly results = new Map<string, number>()
  private readonly used = new Set<string>()
  private readonly losses: LossList

  constructor(losses: LossList) {
    this.losses = losses
  }

  call(id: string, path: string): string {
    const earlier = this.calls.get(id) ?? []
    const base = allowedId(id)
    let wire = base
    for (let count = earlier.length + 1; this.used.has(wire); count++) wire = `${base}_${count}`
    this.used.add(wire)
    this.calls.set(id, [...earlier, wire])
    return this.told(id, wire, at(path, 'id'))
  }

  result(id: string, path: string): string {
    const calls = this.calls.get(id) ?? []
    const index = this.results.get(id) ?? 0
    this.results.set(id, index + 1)
    return this.told(id, calls[index] ?? calls.at(-1) ?? allowedId(id), at(path, 'toolUseId'))
  }

  private told(id: string, wire: string, path: string): string {
    if (wire !== id) this.losses.adapted('tool-id', path)
    return wire
  }
}

/** The id itself where allowed, else its allowed characters and a hash of all of them, so that two ids stay two. */
function allowedId(id: string): string {
  if (ALLOWED.test(id)) return id
  return `${id.replace(/[^a-zA-Z0-9_-]/g, '_').slice(0, 40)}_${hash(id)}`
}

/** FNV-1a over UTF-16 units, eight hexadecimal digits. */
function hash(text: string): string {
  let value = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  }
  return (value >>> 0).toString(16).padStart(8, '0')
}
