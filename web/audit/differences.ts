// What is different between two states of one thing, member by member, as lines that can be read. Pure.

export interface Difference {
  /** `targets[0].model` */
  readonly path: string
  /** Absent: it was not there. */
  readonly before?: string
  readonly after?: string
}

/** In the order of the members, those that are gone last. */
export function differences(before: unknown, after: unknown): Difference[] {
  const one = leavesOf(before)
  const other = leavesOf(after)
  const paths = new Set([...other.keys(), ...one.keys()])
  return [...paths].flatMap((path) => {
    const [was, is] = [one.get(path), other.get(path)]
    if (was === is) return []
    return [
      {
        path,
        ...(was === undefined ? {} : { before: was }),
        ...(is === undefined ? {} : { after: is }),
      },
    ]
  })
}

function leavesOf(value: unknown, path = '', leaves = new Map<string, string>()) {
  if (Array.isArray(value) && value.length > 0) {
    for (const [index, item] of value.entries()) leavesOf(item, `${path}[${index}]`, leaves)
  } else if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) {
    for (const [name, member] of Object.entries(value)) {
      leavesOf(member, path === '' ? name : `${path}.${name}`, leaves)
    }
  } else if (path !== '') leaves.set(path, JSON.stringify(value))
  return leaves
}
