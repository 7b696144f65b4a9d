// What a target may set in a request in place of the client, and what never: which model is asked, how the answer comes and what is said.
// Pure; how a name is written in each protocol is the gateway's.

/** Members that no override touches, in any protocol. */
const CLIENTS_OWN: ReadonlySet<string> = new Set([
  'model',
  'stream',
  'stream_options',
  'messages',
  'input',
  'prompt',
  'contents',
  'previous_response_id',
  'options',
  'generationConfig',
  'generation_config',
])

/** Whether a member is the client's own, whatever a target says. */
export function isClientsOwn(name: string): boolean {
  return CLIENTS_OWN.has(name) || name === '__proto__'
}

/** The overrides that count. */
export function effectiveOverrides(
  overrides: Readonly<Record<string, unknown>> | undefined,
): readonly (readonly [string, unknown])[] {
  return Object.entries(overrides ?? {}).filter(([name]) => !isClientsOwn(name))
}
