// All faults of the chaos run, in the order they are run.

import type { Scenario } from './account.ts'
import { CONNECTION_FAULTS } from './connection-faults.ts'
import { CROWD_FAULTS } from './crowds.ts'
import { STOP_FAULTS } from './stops.ts'
import { STORM_FAULTS } from './storms.ts'
import { STREAM_FAULTS } from './stream-faults.ts'

export const SCENARIOS: readonly Scenario[] = [
  ...CONNECTION_FAULTS,
  ...STREAM_FAULTS,
  ...STORM_FAULTS,
  ...CROWD_FAULTS,
  ...STOP_FAULTS,
]
