import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { plotWithoutUnused } from './web-plot.ts'

const source = readFileSync(Bun.resolveSync('uplot/dist/uPlot.esm.js', import.meta.dir), 'utf8')

describe('uPlot without what no chart asks for', () => {
  test('is smaller by a quarter once it is packed', async () => {
    const [whole, part] = await Promise.all([source, plotWithoutUnused(source)].map(packed))
    expect(part).toBeLessThan((whole ?? 0) * 0.75)
    expect(part).toBeGreaterThan((whole ?? 0) * 0.5)
  })

  test('is not made of a version that says something in another way', () => {
    for (const [said, otherwise] of [
      ['function addBand(', 'function addABand('],
      ['mode == 2', 'mode === 2'],
      ['const _timeAxisVals', 'const timeAxisValues'],
    ] as const) {
      const changed = source.replaceAll(said, otherwise)
      expect(changed).not.toBe(source)
      expect(() => plotWithoutUnused(changed)).toThrow('uPlot has changed')
    }
  })

  test('keeps what draws', () => {
    const text = plotWithoutUnused(source)
    for (const kept of ['setSize', 'setData', 'setSelect', 'posToVal', 'destroy']) {
      expect(text).toContain(`self.${kept} = ${kept};`)
    }
    expect(text).toContain('(paths.bars    = bars);')
  })
})

/** Bytes of a script that draws with it. */
async function packed(text: string): Promise<number> {
  const { outputs } = await Bun.build({
    entrypoints: ['plot.js'],
    minify: true,
    plugins: [
      {
        name: 'given',
        setup(build) {
          build.onResolve({ filter: /./ }, ({ path }) => ({ path, namespace: 'given' }))
          build.onLoad({ filter: /./, namespace: 'given' }, ({ path }) => ({
            contents:
              path === 'plot.js'
                ? "import plot from 'uplot'; globalThis.drawn = new plot({}, [], document.body)"
                : text,
            loader: 'js',
          }))
        },
      },
    ],
  })
  const [script] = outputs
  if (script === undefined) throw new Error('nothing was built')
  return Bun.gzipSync(await script.arrayBuffer()).byteLength
}
