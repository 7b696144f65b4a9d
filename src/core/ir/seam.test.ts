import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { checkParameters } from '../../testing/seed.ts'
import { collect } from './collect.ts'
import type { IrEvent } from './event.ts'
import { Seam } from './seam.ts'

const START: IrEvent = { type: 'response-start', id: 'a', model: 'm' }
const STOP: IrEvent = { type: 'finish', choice: 0, finish: { unified: 'stop', raw: 'stop' } }

function text(index: number, ...parts: string[]): IrEvent[] {
  return [
    { type: 'block-start', choice: 0, index, block: { type: 'text', text: '' } },
    ...parts.map((part): IrEvent => ({ type: 'text-delta', choice: 0, index, text: part })),
  ]
}

function thinking(index: number, said: string): IrEvent[] {
  return [
    { type: 'block-start', choice: 0, index, block: { type: 'thinking', text: '' } },
    { type: 'thinking-delta', choice: 0, index, text: said },
    { type: 'block-end', choice: 0, index },
  ]
}

function closed(index: number): IrEvent {
  return { type: 'block-end', choice: 0, index }
}

/** What the client has after both answers. */
function joined(first: readonly IrEvent[], second: readonly IrEvent[]) {
  const seam = new Seam(1_000)
  const events = first.flatMap((event) => seam.join(event))
  seam.beginning()
  seam.next()
  events.push(...second.flatMap((event) => seam.join(event)))
  return { events, ...collect(events) }
}

/** Text cut into pieces at random places. */
function cutUp(whole: string, cuts: readonly number[]): string[] {
  const places = [...new Set(cuts.map((cut) => cut % (whole.length + 1)))].toSorted((a, b) => a - b)
  return [0, ...places].map((from, at) => whole.slice(from, places[at] ?? whole.length))
}

describe('Seam', () => {
  test('an answer cut anywhere and gone on with is the answer that was not cut', () => {
    const words = fc.array(fc.constantFrom('a', 'word', ' ', '  ', '\n', 'ü', '👍'), {
      minLength: 1,
    })
    fc.assert(
      fc.property(
        words,
        fc.nat(),
        fc.array(fc.nat()),
        fc.boolean(),
        fc.boolean(),
        (all, at, cuts, thoughtFirst, thoughtAgain) => {
          const whole = all.join('')
          const cut = at % (whole.length + 1)
          const offset = thoughtFirst ? 1 : 0
          const first = [START, ...(thoughtFirst ? thinking(0, 'Hm') : [])]
          if (cut > 0) first.push(...text(offset, ...cutUp(whole.slice(0, cut), cuts)))
          const seam = new Seam(10_000)
          const events = first.flatMap((event) => seam.join(event))
          const beginning = seam.beginning()
          seam.next()
          const rest = whole.slice(beginning.length)
          const second = thoughtAgain ? 1 : 0
          const goingOn = [
            START,
            ...(thoughtAgain ? thinking(0, 'So') : []),
            ...text(second, ...cutUp(rest, cuts)),
            closed(second),
            STOP,
          ]
          events.push(...goingOn.flatMap((event) => seam.join(event)))
          const { response, error } = collect(events)
          expect(error).toBeUndefined()
          const blocks = response.choices[0]?.blocks ?? []
          expect(blocks.map((block) => (block.type === 'text' ? block.text : '')).join('')).toBe(
            whole,
          )
          // Indices without a gap, every block closed once, one start.
          expect(blocks.every((block) => block !== undefined)).toBe(true)
          const opened = events.filter(({ type }) => type === 'block-start').length
          expect(events.filter(({ type }) => type === 'block-end')).toHaveLength(opened)
          expect(events.filter(({ type }) => type === 'response-start')).toHaveLength(1)
          expect(events.at(-1)?.type).toBe('finish')
        },
      ),
      checkParameters(300),
    )
  })

  test('spaces at the end are not given as the beginning, and not said twice', () => {
    const seam = new Seam(1_000)
    for (const event of [START, ...text(0, 'Hello ', ' ')]) seam.join(event)
    expect(seam.beginning()).toBe('Hello')
    seam.next()
    const rest = text(0, ' ', ' wor', 'ld').flatMap((event) => seam.join(event))
    expect(rest).toEqual([
      { type: 'text-delta', choice: 0, index: 0, text: 'wor' },
      { type: 'text-delta', choice: 0, index: 0, text: 'ld' },
    ])
  })

  test('thinking that broke off is closed before anything else is said', () => {
    const first = [START, ...thinking(0, 'hm').slice(0, -1)]
    const { events, response } = joined(first, [START, ...text(0, 'Yes'), closed(0), STOP])
    expect(events.slice(3, 5)).toEqual([
      closed(0),
      { type: 'block-start', choice: 0, index: 1, block: { type: 'text', text: '' } },
    ])
    expect(response.choices[0]?.blocks).toMatchObject([{ text: 'hm' }, { text: 'Yes' }])
    expect(joined(first, [START, STOP]).events.at(-2)).toEqual(closed(0))
  })

  test('a beginning that is said again is taken off, however it is cut; what only looks like it stays', () => {
    const pieces = fc.array(fc.constantFrom('a', 'b', ' ', '👍'), { maxLength: 6 })
    fc.assert(
      fc.property(pieces, pieces, fc.array(fc.nat()), fc.boolean(), (said, more, cuts, again) => {
        const seam = new Seam(1_000)
        for (const event of [START, ...text(0, said.join(''))]) seam.join(event)
        const begun = seam.beginning()
        seam.next(true)
        const rest = more.join('')
        const answer = again ? begun + rest : rest
        const events = [...text(0, ...cutUp(answer, cuts)), closed(0), STOP]
        const heard = events.flatMap((event) => seam.join(event))
        const own = heard.map((event) => (event.type === 'text-delta' ? event.text : '')).join('')
        const wholly = answer.startsWith(begun) ? answer.slice(begun.length) : answer
        const spaces = said.join('').slice(begun.length)
        let same = 0
        while (same < spaces.length && wholly[same] === spaces[same]) same += 1
        expect(own).toBe(wholly.slice(same))
      }),
      checkParameters(300),
    )
  })

  test('an answer that goes on with a call closes the text before it', () => {
    const { response } = joined(
      [START, ...text(0, 'Let me look')],
      [
        START,
        {
          type: 'block-start',
          choice: 0,
          index: 0,
          block: { type: 'tool-use', id: 'c', name: 'f', input: '' },
        },
        { type: 'tool-input-delta', choice: 0, index: 0, text: '{}' },
        closed(0),
        STOP,
      ],
    )
    expect(response.choices[0]?.blocks).toEqual([
      { type: 'text', text: 'Let me look' },
      { type: 'tool-use', id: 'c', name: 'f', input: '{}' },
    ])
  })

  const unseamable: readonly [string, IrEvent[]][] = [
    [
      'tool call',
      [
        ...text(0, 'a'),
        closed(0),
        {
          type: 'block-start',
          choice: 0,
          index: 1,
          block: { type: 'tool-use', id: 'c', name: 'f', input: '' },
        },
      ],
    ],
    [
      'several choices',
      [{ type: 'block-start', choice: 1, index: 0, block: { type: 'text', text: '' } }],
    ],
    ['text was over', [...text(0, 'a'), closed(0)]],
    ['too long', text(0, 'x'.repeat(1_001))],
  ]
  for (const [why, events] of unseamable) {
    test(`not after: ${why}`, () => {
      const seam = new Seam(1_000)
      for (const event of [START, ...events]) seam.join(event)
      expect(seam.unseamable).toBeDefined()
    })
  }
})
