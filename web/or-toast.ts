// What is asked of the server beside a form or a list, which would show themselves that it failed: here a toast does.

import { toProblem } from './api.ts'
import { toast } from './components/toast.tsx'

/** What comes of it; where it fails, a toast says why, and it is undefined. */
export async function orToast<T>(running: Promise<T>): Promise<T | undefined> {
  try {
    return await running
  } catch (thrown) {
    toast(toProblem(thrown).detail, { tone: 'bad' })
    return undefined
  }
}
