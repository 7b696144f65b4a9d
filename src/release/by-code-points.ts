// The order of everything that a release lists: by code points, so that no machine's language has a say in it.

/** For `toSorted`. */
export function byCodePoints(left: string, right: string): number {
  if (left === right) return 0
  return left < right ? -1 : 1
}
