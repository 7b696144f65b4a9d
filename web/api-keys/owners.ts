// Who a key can belong to, for those who may see them; whoever may not types an id.

import { ask } from '../api.ts'
import type { Option } from '../components/field.tsx'
import { useQuery } from '../query.ts'
import { can } from '../session.ts'

export type OwnerKind = 'user' | 'service' | 'team'

interface Listed {
  readonly data: readonly {
    readonly id: string
    readonly name?: string | null
    readonly email?: string | null
  }[]
}

const NONE: Listed = { data: [] }

/** Choices of a kind; none while they are read, or where they are not theirs to see. */
export function useOwners(kind: OwnerKind | 'key' | 'none'): readonly Option[] {
  const isSeen = kind !== 'none' && can(`${kind}.read`)
  const { data = NONE } = useQuery(
    ['owners', kind],
    async ({ signal }) => {
      const answer = await ask(`/admin/${kind}s?limit=500`, { signal })
      return answer.ok ? ((await answer.json()) as Listed) : NONE
    },
    { enabled: isSeen, freshMs: 30_000 },
  )
  return data.data.map(({ email, id, name }) => {
    const shown = name ?? email ?? id
    return { value: id, label: shown === id ? id : `${shown} (${email ?? id})` }
  })
}
