// What the browser keeps for the UI: small choices, for good or for this tab. A browser that keeps nothing for anybody is no reason to fail: then a
// choice holds until the page is left.

type Place = 'localStorage' | 'sessionStorage'

/** What was kept under a name; undefined where nothing was, or nothing is kept. */
export function kept(place: Place, name: string): string | undefined {
  return within(place, (storage) => storage.getItem(name) ?? undefined)
}

/** @param value undefined forgets it */
export function keep(place: Place, name: string, value: string | undefined): void {
  within(place, (storage) => {
    if (value === undefined) storage.removeItem(name)
    else storage.setItem(name, value)
  })
}

function within<T>(place: Place, work: (storage: Storage) => T): T | undefined {
  try {
    return work(globalThis[place])
  } catch (thrown) {
    // Refused by a setting of the browser, or full.
    if (thrown instanceof DOMException) return undefined
    throw thrown
  }
}
