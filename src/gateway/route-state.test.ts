import { expect, test } from 'bun:test'
import { LIMITS } from '../core/limits.ts'
import { RouteTurns } from './route-state.ts'

test('looking takes no turn, and each model has its own', () => {
  const turns = new RouteTurns()
  expect([turns.next('t', 'a'), turns.next('t', 'a')]).toEqual([0, 0])
  expect([
    turns.take('t', 'a'),
    turns.take('t', 'a'),
    turns.take('t', 'b'),
    turns.next('t', 'a'),
  ]).toEqual([0, 1, 0, 2])
})

test('beyond the bound the oldest begins anew, and the others go on', () => {
  const turns = new RouteTurns()
  for (let index = 0; index <= LIMITS.routeModelsMax; index += 1) turns.take('t', `m${index}`)
  expect(turns.next('t', 'm0')).toBe(0)
  expect(turns.next('t', 'm1')).toBe(1)
  expect(turns.next('t', `m${LIMITS.routeModelsMax}`)).toBe(1)
})
