// How many requests there are of each value, to choose one: of the filters there are, beside the list and on the first page.

import { formatCompact } from '../format.ts'
import { setParams } from '../router.tsx'
import { NONE, type FacetName, type Facets, type FilterName, type Filters } from './data.ts'

export const FACET_WORDS: Readonly<
  Record<FacetName, readonly [title: string, filter: FilterName]>
> = {
  status: ['Status', 'status'],
  error: ['Errors', 'error_kind'],
  model: ['Models', 'model'],
  provider: ['Providers', 'provider'],
  key: ['Keys', 'key'],
  user: ['Users', 'user'],
  operation: ['Kinds', 'operation'],
}

const SHOWN = 6

export function FacetLists({ facets, filters }: { facets: Facets; filters: Filters }) {
  return (
    <>
      {(Object.keys(FACET_WORDS) as FacetName[]).map((facet) => (
        <FacetList
          key={facet}
          facet={facet}
          facets={facets}
          chosen={filters[FACET_WORDS[facet][1]]}
          onChoose={(value) => setParams({ [FACET_WORDS[facet][1]]: value })}
        />
      ))}
    </>
  )
}

export function FacetList({
  chosen,
  facet,
  facets,
  onChoose,
}: {
  facet: FacetName
  facets: Facets
  chosen?: string | undefined
  onChoose: (value: string | undefined) => void
}) {
  const values = facets.facets[facet] ?? []
  const most = Math.max(1, ...values.map(({ requests }) => requests))
  // Nothing can be told apart by one value that all have.
  if (
    values.length === 0 ||
    (values.length === 1 && chosen === undefined && values[0]?.value === null)
  )
    return null
  return (
    <section class="requests-facet">
      <h2>{FACET_WORDS[facet][0]}</h2>
      <ul>
        {values.slice(0, SHOWN).map(({ name, requests, value }) => {
          const words = name ?? value ?? 'none'
          const id = value ?? NONE
          return (
            <li key={id}>
              <button
                type="button"
                aria-pressed={chosen === id}
                title={value ?? undefined}
                onClick={() => onChoose(chosen === id ? undefined : id)}
              >
                <span class="truncate">{words}</span>
                <span class="number">{formatCompact(requests)}</span>
                <i aria-hidden="true" style={{ width: `${(requests / most) * 100}%` }} />
              </button>
            </li>
          )
        })}
      </ul>
    </section>
  )
}
