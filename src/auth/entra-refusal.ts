// Why an application got no token, as the cause of the error that a client sees. Its message is for the operator's log: the code that
// Entra ID's own pages explain, the reason and what to do. It never holds a secret, a token or an assertion.

import type { EntraAdvice } from './entra-advice.ts'

export class EntraRefusal extends Error {
  readonly advice: EntraAdvice

  /** @param said the service's own words, scrubbed; '' where it was never asked */
  constructor(advice: EntraAdvice, said: string, cause?: unknown) {
    const words = said === '' ? '' : ` It said: ${said}`
    super(
      `No token of Entra ID (${advice.code}): ${advice.reason}. ${advice.todo}${words}`,
      cause === undefined ? {} : { cause },
    )
    this.name = 'EntraRefusal'
    this.advice = advice
  }
}
