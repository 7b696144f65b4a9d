// Providers: the list of them, or one of them, as the address says.

import { Loaded } from '../components/states.tsx'
import type { PageProps } from '../pages.ts'
import { useQuery } from '../query.ts'
import { readProvider } from './data.ts'
import { ProviderPage } from './detail.tsx'
import { ProviderList } from './list.tsx'

export default function ProvidersPage({ params }: PageProps) {
  const { id } = params
  return id === undefined ? <ProviderList /> : <One key={id} id={id} />
}

function One({ id }: { id: string }) {
  const provider = useQuery(['provider', id], (reading) => readProvider(id, reading), {
    pollMs: 15_000,
  })
  return <Loaded query={provider}>{(shown) => <ProviderPage provider={shown} />}</Loaded>
}
