// Whether the bucket that content lies in answers and takes the credential: its names are listed, nothing is written. No secret is in a message.

import { credentialsOf } from '../content-service.ts'
import type { Config } from '../config/config.ts'
import { LIMITS } from '../core/limits.ts'
import { outboundNetwork } from '../core/network.ts'
import { S3Error } from '../storage/s3-error.ts'
import { S3Store } from '../storage/s3-store.ts'
import { systemClock } from '../system.ts'
import { SharedDeadlines } from '../transport/deadlines.ts'
import { createTransport } from '../transport/http-transport.ts'
import { type Finding, StepFailure, unreached } from './doctor-steps.ts'

/** @throws StepFailure when it does not answer or refuses */
export async function bucketFinding(
  config: Pick<Config, 'contentStore' | 'network'>,
): Promise<Finding> {
  const settings = config.contentStore
  if (settings === undefined) return { skipped: 'none configured' }
  const { bucket } = settings.s3
  if (credentialsOf(settings) === undefined) {
    throw new StepFailure({
      reason: `there are no credentials for the bucket ${bucket}`,
      todo: 'Set content_store.s3.access_key and secret_key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
    })
  }
  const store = new S3Store(settings.s3, {
    transport: createTransport(systemClock, new SharedDeadlines(systemClock)),
    clock: systemClock,
    credentials: () => credentialsOf(settings),
    network: (url) => outboundNetwork(url, true, config.network),
  })
  try {
    await store.list(undefined, AbortSignal.timeout(LIMITS.probeAnswerTimeoutMs))
    return `${bucket} answers`
  } catch (error) {
    if (error instanceof S3Error) {
      throw new StepFailure({
        reason: `the bucket ${bucket} refuses (${error.status} ${error.code})`,
        todo: 'Check content_store.s3: bucket, region, credentials and their rights to list, put, get and delete.',
      })
    }
    throw new StepFailure({
      reason: `the bucket ${bucket} ${unreached(error)}`,
      todo: 'Check content_store.s3.endpoint and the firewall. Until it answers, bodies stay in the store.',
    })
  }
}
