import { expect, test } from 'bun:test'
import packageJson from '../../package.json' with { type: 'json' }
import { VERSION } from './version.ts'

test('the version is the package’s', () => {
  expect(VERSION).toBe(packageJson.version)
})
