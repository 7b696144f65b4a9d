// How many repeats one provider may get: a share of the requests it was sent lately and a few besides, so that an outage is not
// made worse by everybody trying again. Pure: time is an argument.

export class RetryBudget {
  /** A first attempt was sent. */
  sent(_nowMs: number): void {}

  /** Takes one repeat out of the budget; false when there is none left. */
  take(_nowMs: number): boolean {
    return true
  }
}
