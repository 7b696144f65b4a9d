// Makes pictures of pages small: a screenshot has few colours, so 256 of them and one byte a point say it all but exactly. It reads what
// browsers write (8 bits, RGB or RGBA, not interlaced) and nothing else.

import { crc32, deflateSync, inflateSync } from 'node:zlib'

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const COLOURS_MAX = 256

interface Picture {
  readonly width: number
  readonly height: number
  /** `0xRRGGBB` of each point, row by row. */
  readonly points: Uint32Array
}

/**
 * The same picture with at most 256 colours: the commonest, and for the others the nearest of them.
 * @throws RangeError for a PNG of another kind
 */
export function smallerPng(png: Uint8Array): Uint8Array {
  const { height, points, width } = decode(Buffer.from(png))
  const counts = new Map<number, number>()
  for (const point of points) counts.set(point, (counts.get(point) ?? 0) + 1)
  const palette = [...counts]
    .toSorted(([, one], [, other]) => other - one)
    .slice(0, COLOURS_MAX)
    .map(([colour]) => colour)
  const places = new Map(palette.map((colour, at) => [colour, at]))
  const rows = Buffer.alloc(height * (width + 1))
  points.forEach((point, at) => {
    const place = places.get(point) ?? nearest(point, palette)
    places.set(point, place)
    rows[Math.floor(at / width) * (width + 1) + 1 + (at % width)] = place
  })
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 3, 0, 0, 0], 8)
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk(
      'PLTE',
      Buffer.from(palette.flatMap((each) => [each >> 16, (each >> 8) & 255, each & 255])),
    ),
    chunk('IDAT', deflateSync(rows, { level: 9, memLevel: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function nearest(point: number, palette: readonly number[]): number {
  let best = 0
  let least = Infinity
  palette.forEach((colour, at) => {
    let far = 0
    for (const shift of [16, 8, 0])
      far += (((point >> shift) & 255) - ((colour >> shift) & 255)) ** 2
    if (far < least) [best, least] = [at, far]
  })
  return best
}

function chunk(name: string, body: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(name, 'latin1'), body])
  const framed = Buffer.alloc(named.length + 8)
  framed.writeUInt32BE(body.length, 0)
  framed.set(named, 4)
  framed.writeUInt32BE(crc32(named), named.length + 4)
  return framed
}

/** PNG specification, §9: filters. */
function decode(png: Buffer): Picture {
  const width = png.readUInt32BE(16)
  const height = png.readUInt32BE(20)
  const [depth, kind, , , interlace] = png.subarray(24, 29)
  const size = kind === 2 ? 3 : kind === 6 ? 4 : 0
  if (!png.subarray(0, 8).equals(SIGNATURE) || depth !== 8 || size === 0 || interlace !== 0) {
    throw new RangeError('not a PNG as browsers write them')
  }
  const packed: Buffer[] = []
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at)
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT')
      packed.push(png.subarray(at + 8, at + 8 + length))
    at += length + 12
  }
  const raw = inflateSync(Buffer.concat(packed))
  const stride = width * size
  const points = new Uint32Array(width * height)
  let above = new Uint8Array(stride)
  for (let y = 0; y < height; y += 1) {
    const from = y * (stride + 1)
    const row = new Uint8Array(raw.subarray(from + 1, from + 1 + stride))
    unfilter(raw[from] ?? 0, row, above, size)
    for (let x = 0; x < width; x += 1) {
      const [red = 0, green = 0, blue = 0] = row.subarray(x * size, x * size + 3)
      points[y * width + x] = (red << 16) | (green << 8) | blue
    }
    above = row
  }
  return { width, height, points }
}

function unfilter(filter: number, row: Uint8Array, above: Uint8Array, size: number): void {
  for (let at = 0; at < row.length; at += 1) {
    const left = row[at - size] ?? 0
    const up = above[at] ?? 0
    const corner = at < size ? 0 : (above[at - size] ?? 0)
    const add = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter]
    if (add === undefined) throw new RangeError('not a PNG as browsers write them')
    row[at] = (row[at] ?? 0) + add
  }
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner
  const [a, b, c] = [left, up, corner].map((each) => Math.abs(guess - each)) as [
    number,
    number,
    number,
  ]
  return a <= b && a <= c ? left : b <= c ? up : corner
}
