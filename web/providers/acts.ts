// What is done with a provider from more than one place.

import { ifMatch, unwrap } from '../api.ts'
import { confirmAction } from '../components/dialog.tsx'
import { toast } from '../components/toast.tsx'
import { invalidate } from '../query.ts'
import { breaksOf, providerPath, readProvider, type Provider } from './data.ts'

/** Asks once, saying which models break. @returns whether it is gone */
export async function deleteProvider({ id, used_by: used }: Provider): Promise<boolean> {
  const isDone = await confirmAction({
    title: `Delete provider ${id}?`,
    message:
      'Its keys are deleted too. They stay good at the provider until you revoke them there.',
    breaks: [...breaksOf(used), `Requests for ${id}/… are refused from now on.`],
    confirm: 'Delete provider',
    danger: true,
    ...(used.some(({ is_only: isOnly }) => isOnly) ? { typeName: id } : {}),
    run: async () => {
      // As it is now: what is deleted is what was just asked about.
      const seen = await readProvider(id, { signal: AbortSignal.timeout(30_000) })
      await unwrap(providerPath(id).delete(undefined, ifMatch(seen)))
    },
  })
  if (isDone) {
    invalidate('providers', 'models')
    toast(`Provider ${id} is deleted.`)
  }
  return isDone
}
