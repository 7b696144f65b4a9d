// Formats whose forms are many; what becomes of them elsewhere is tested there.

import { describe, expect, test } from 'bun:test'
import { LIMITS } from '../core/limits.ts'
import { checkFormat } from './formats.ts'

const CONTEXT = { folder: '/', platform: process.platform }

describe('an entry of no_proxy', () => {
  test.each([
    ['*', '*'],
    ['Corp.Example', 'corp.example'],
    ['.corp.example', '.corp.example'],
    ['*.corp.example:8443', '*.corp.example:8443'],
    ['localhost', 'localhost'],
    ['10.0.0.1', '10.0.0.1'],
    ['10.0.0.1:80', '10.0.0.1:80'],
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['10.0.0.0/8:8443', '10.0.0.0/8:8443'],
    ['FD00::/8', 'fd00::/8'],
    ['[::1]', '[::1]'],
    ['[::1]:8080', '[::1]:8080'],
    ['[fd00::/8]:443', '[fd00::/8]:443'],
  ])('%s is taken', (text, value) => {
    expect(checkFormat('no-proxy', text, CONTEXT)).toEqual({ value })
  })

  test.each(['', '.', 'http://a', 'a/b', 'a:0', 'a:70000', '10.0.0.0/33', '[a.example]', '[a]:1'])(
    '%p is refused',
    (text) => {
      expect(checkFormat('no-proxy', text, CONTEXT)).toHaveProperty('problem')
    },
  )
})

describe('a store', () => {
  test.each([
    'postgres://weir:secret@db/weir',
    'postgresql://weir:secret@db-1:5432,db-2:5433,[::1]/weir?target_session_attrs=primary',
    'postgres://weir:a,b@db-1,db-2/weir',
  ])('%s is taken as it is', (text) => {
    expect(checkFormat('storage-url', text, CONTEXT)).toEqual({ value: text })
  })

  test('has so many servers and no more', () => {
    const text = (servers: number) => `postgres://u:p@${Array(servers).fill('h').join(',')}/db`
    const most = LIMITS.postgresServersMax
    expect(checkFormat('storage-url', text(most), CONTEXT)).toEqual({ value: text(most) })
    expect(checkFormat('storage-url', text(most + 1), CONTEXT)).toHaveProperty('problem')
  })
})
