// `weir doctor` as a person runs it: its last words name every part of this machine that failed, as each has to be mended by itself.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { PROGRAMS_LIMIT_MS, TestProgram } from './test-program.ts'

setDefaultTimeout(PROGRAMS_LIMIT_MS)

test('every part that failed is named at the end', async () => {
  const program = new TestProgram()
  program.write(
    'weir.yaml',
    'redis: { url: "redis://127.0.0.1:1" }\ntracing: { endpoint: "http://127.0.0.1:1/v1/traces" }\n',
  )
  const { code, err } = await program.run('doctor', 'mock')
  expect([code, err]).toEqual([1, 'Failed at: this machine (redis, telemetry)\n'])
  program.remove()
})
