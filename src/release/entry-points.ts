// The programs inside the executable: the build compiles them, and the list of what is shipped looks at what they bring. Nothing else.

/** Relative to the repository. Threads are programs of their own. */
export const ENTRY_POINTS = [
  'src/main.ts',
  'src/content-worker.ts',
  'src/storage/sqlite-search-worker.ts',
] as const
