// Leaves out of uPlot what the charts of the UI never ask of it: logarithmic and turned axes, its own legend, bands, plots that move together,
// series that come and go, dates in its own words. The package has no smaller build, and its one closure hides all that from the bundler, so
// what is always the same here is said as a constant and what cannot be reached then falls away. A text that is not found stops the build.

import { readFileSync } from 'node:fs'
import type { BunPlugin } from 'bun'

/** What is always the same, as the minifier can follow it. Options: one linear x axis of times below, `y` by its side, drags along x alone. */
const CONSTANTS: readonly (readonly [pattern: RegExp, constant: string])[] = [
  [/\b(?:\w+\.)?distr (?:==|!=) {1,2}(?:3|4|100)\b/g, 'false'],
  [/\b(?:scale|sc)\.distr == 2\b|\bsc\.distr >= 3\b/g, 'false'],
  [/\bscaleX\.distr != 2\b/g, 'true'],
  [/\bxScaleDistr == [2-4]\b/g, 'false'],
  [/\bscaleX\.ori == 0\b/g, 'true'],
  [/\bscaleX\.ori == 1\b/g, 'false'],
  [/\bmode == 1\b/g, 'true'],
  [/\bmode == 2\b/g, 'false'],
  [/\bms == 1\b/g, 'false'],
  [/\bshowLegend\b(?! +=)|\bmultiValLegend\b(?! =)|\blegend\.live\b/g, 'false'],
  [/\bcursorFocus\b(?! =)|\bdragY\b(?! =)/g, 'false'],
  [/\bcursorOnePt\b(?! =)|\bsyncKey != null\b|\buni != null\b|\bisObj\(rn\)/g, 'false'],
  [/\bmultiPath\b(?! =)|\bband != null\b|\bdataY0 != null\b/g, 'false'],
  [/\bx0 != null && size != null\b|\by0 != null && y1 != null\b/g, 'false'],
  [/\bdispFills != null &&/g, 'false &&'],
  [/\bdrag\.y &&/g, 'false &&'],
  [/\bsnapNumY\)/g, 'snapNumX)'],
  [/\bsrc == null\b/g, 'true'],
  [/\bsrc != null\b/g, 'false'],
  [/\bbandFillClipDirs\((?:u|self), seriesIdx\)/g, '[0, 0]'],
  [/\bflags != 0 && bands\.forEach/g, 'false && bands.forEach'],
  [/(?<=const _timeAxisVals +=).*;/g, 'null;'],
  [/(?<=const _timeSeriesVal +=).*;/g, 'null;'],
  [/^\tconst _fmtDate = .*;$/gm, ''],
  [/^const \[ timeIncrsMs, .*;$/gm, ''],
  [/(?<=^\tconst _timeAxisStamps = )\[[\s\S]*?^\t\];$/gm, 'null;'],
  [/^\tconst syncOpts = [\s\S]*?^\tconst sync = .*;$/gm, '\tconst syncOpts = null'],
  [/^\t+sync\.(?:sub|unsub)\(self\);$/gm, ''],
  [/^\t?\(?(?:uPlot|paths)\.(?!paths|bars|pxRatio)\w+ *= \w+\)?;$/gm, ''],
]

/** Functions that nobody calls: what remains of a call, in what falls away or is a member that is not used, is one that does nothing. */
const UNUSED = [
  'bandFillClipDirs',
  'clipBandLine',
  'timeAxisStamps',
  'fmtDate',
  'addSeries',
  'delSeries',
  'setBand',
  'addBand',
  'delBand',
  'setLegend',
  'setLegendValues',
  'syncLegend',
  'setAlpha',
  'dblClick',
  'initLegendRow',
  'pubSync',
  'pub',
]

/** @throws RangeError for a uPlot in which some of it is said in another way */
export function plotWithoutUnused(source: string): string {
  let text = source
  const change = (pattern: RegExp, by: string) => {
    const changed = text.replace(pattern, by)
    if (changed === text) throw new RangeError(`uPlot has changed: there is no ${pattern.source}`)
    text = changed
  }
  for (const name of UNUSED) {
    change(
      new RegExp(String.raw`^(\t?)function ${name}\([\s\S]*?^\1}$`, 'm'),
      `$1function ${name}() {}`,
    )
  }
  for (const [pattern, constant] of CONSTANTS) change(pattern, constant)
  return text
}

export const smallerPlot: BunPlugin = {
  name: 'smaller-plot',
  setup(build) {
    build.onLoad({ filter: /uPlot\.esm\.js$/ }, ({ path }) => ({
      contents: plotWithoutUnused(readFileSync(path, 'utf8')),
      loader: 'js',
    }))
  },
}
