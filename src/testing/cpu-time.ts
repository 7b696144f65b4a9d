// How long work takes, told by what this thread has worked and not by the clock, which goes on while others have the processor. It measures
// and judges nothing.

/** Milliseconds of the processor that this thread has used for `work`. */
export function cpuMsOf(work: () => unknown): number {
  const before = process.threadCpuUsage()
  work()
  const { system, user } = process.threadCpuUsage(before)
  return (system + user) / 1_000
}
