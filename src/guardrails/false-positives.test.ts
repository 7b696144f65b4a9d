// Ordinary code and prose hold no personal data: what detectors find there is counted. The recordings of real traffic, where they are, too.

import { expect, test } from 'bun:test'
import { PII_DETECTORS } from '../core/guardrail-option.ts'
import { haveRecordings, recordings } from '../testing/recordings.ts'
import { detectorsOf } from './detectors/all.ts'
import { findIn } from './find.ts'

const detectors = detectorsOf(PII_DETECTORS)

const ORDINARY = [
  'Version 12.4.1 of 2024-05-01T12:30:45.123456789+02:00 replaces 11.19.3-beta.2 (build 20240501.1234).',
  'commit da39a3ee5e6b4b0d3255bfef95601890afd80709, tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904',
  'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  'integrity sha512-oeWzE7wVd1rNbmUMIt5BZ4ynXvBtSOM7tmvzjJe0kEXYxmVCmkbZbK5K6xr0lQGjYY5aH1nUNYfm1Hx7lCkBbA==',
  'id 550e8400-e29b-41d4-a716-446655440000, 018f4e3c-7b6a-7c2d-9e1f-0a1b2c3d4e5f, 12345678-1234-4234-8234-123456789012',
  'createdAt: 1714564245, updatedAt: 1714564245123, micro 1714564245123456, nano 1714564245123456789',
  'Order 4711-0815-42, invoice 2024-000123, ticket #987654321, part no. 100-200-3000',
  'matrix 12 34 56 78 90 12 34 56; 0.123456789012345 3.14159265358979 1e-10 0x1234567890abcdef',
  '00000000  4d 5a 90 00 03 00 00 00  04 00 00 00 ff ff 00 00  |MZ..............|',
  'const port = 8080; const mask = 0b1010; for (let i = 0; i < 1000000; i++) total += i % 97',
  'GET /v1/models?limit=100&offset=20000 200 1234 0.012 "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/124.0.0.0"',
  'req_011CPMxvR5kbVNd4oFjqNn1n msg_01XFDUDYJgAACzvnptvVoYEL chatcmpl-9abcDEFghiJKLmnoPQRstuVWX toolu_01A09q90qw90lq917835lq9',
  'ISBN 978-3-16-148410-0, DOI 10.1000/182, RFC 9110 §15.5.1, ISO 8601, IEC 60027-2, EAN 4006381333931',
  'The population grew from 1 234 567 to 2 345 678 between 1990 and 2020, that is 1,111,111 people.',
  'On 12/05/2024 at 10:15 the meeting with room 301 was moved to 2024-06-07 14:00-15:30.',
  'class Foo::Bar; std::vector<int>::iterator; use crate::a::b; @Injectable() @scope/pkg@1.2.3 git@v2.3.4',
  'coordinates 52.520008, 13.404954; ratio 16:9; score 3:2; time 00:01:02.345; lines 100-200, 300-400',
  'token usage: prompt_tokens 1234567890, completion_tokens: 987654321, "total_tokens": 2222222211',
  'key: "name", secretName: my-app-secrets, passwordField.value, tokenType: "Bearer", tokenizer: cl100k_base',
  'AWS_REGION=eu-central-1 NODE_ENV=production password: ${DB_PASSWORD} secret_key: !vault path/to/secret',
  'Figure 3-2-1 shows 555 12 1234 items; chapter 1.2.3.4; section 10.2.3; release 6.1.0-21-amd64; CUDA 12.4.131.0.1',
  'base64 iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
]

test('ordinary code and prose', () => {
  const found = ORDINARY.flatMap((text) =>
    findIn(text, detectors).map(({ start, end, label }) => `${label}: ${text.slice(start, end)}`),
  )
  expect(found).toEqual([])
})

test.skipIf(!haveRecordings('false positives of detectors'))(
  'recorded traffic',
  () => {
    let chars = 0
    const counts = new Map<string, number>()
    for (const { request, response } of recordings()) {
      const text = JSON.stringify([request.body, response.body ?? response.raw ?? ''])
      if (text.length > 400_000) continue
      chars += text.length
      for (const { label } of findIn(text, detectors))
        counts.set(label, (counts.get(label) ?? 0) + 1)
    }
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
    const told = [...counts].map(([label, count]) => `${label} ${count}`).join(', ')
    process.stdout.write(`found in ${(chars / 1e6).toFixed(1)} MB of recorded traffic: ${told}\n`)
    expect(chars).toBeGreaterThan(1e6)
    expect(total / (chars / 1e6)).toBeLessThan(3)
  },
  60_000,
)
