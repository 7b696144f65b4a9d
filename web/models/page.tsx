// Models and routes: the lists, one model, or the form for one, as the address says.

import { Loaded } from '../components/states.tsx'
import type { PageProps } from '../pages.ts'
import { useQuery } from '../query.ts'
import { param } from '../router.tsx'
import { readModel } from './data.ts'
import { ModelPage } from './detail.tsx'
import { emptyDraft, toDraft, withTarget } from './draft.ts'
import { ModelEditor } from './editor.tsx'
import { ModelList } from './list.tsx'

export default function ModelsPage({ params }: PageProps) {
  const { name } = params
  if (name !== undefined) return <One key={name} name={name} />
  if (param('new') === undefined) return <ModelList />
  return <NewModel />
}

function One({ name }: { name: string }) {
  const model = useQuery(['model', name], (reading) => readModel(name, reading))
  return (
    <Loaded query={model}>
      {(shown) =>
        param('edit') !== undefined && shown.read_only === null ? (
          <ModelEditor seen={shown} initial={toDraft(shown)} />
        ) : (
          <ModelPage model={shown} />
        )
      }
    </Loaded>
  )
}

/** Empty, with one target (`from`), or like another model (`like`). */
function NewModel() {
  const like = param('like')
  const from = param('from')
  const model = useQuery(['model', like ?? ''], (reading) => readModel(like ?? '', reading), {
    enabled: like !== undefined,
  })
  if (like === undefined) {
    return <ModelEditor initial={from === undefined ? emptyDraft() : withTarget(from)} />
  }
  return (
    <Loaded query={model}>
      {(shown) => <ModelEditor initial={{ ...toDraft(shown), id: '' }} />}
    </Loaded>
  )
}
