// Every bound of the gateway in one table: name, value, unit in the name, and why it is that.
// Nothing may buffer, queue, cache, retry or wait without a line here; a setting may lower or raise some of them.

const KIB = 1024
const MIB = 1024 * KIB

export const LIMITS = {
  /** Body of a client's request. Vision prompts reach some 20 MiB; `server.max_body_size` changes it. */
  requestBodyBytesMax: 32 * MIB,
  /** Nesting of a client's JSON. Real requests stay under 30; a parser goes to millions and blocks for seconds. */
  requestJsonDepthMax: 64,
  /** A body that has not arrived whole by then is refused: Bun sets no deadline once its idle timeout is off. */
  requestBodyTimeoutMs: 60_000,
  /** Longest credential looked at. */
  credentialCharsMax: 512,
  /** Header fields of a client's request: more than this is refused with 431. */
  requestHeadersMax: 100,

  /** A provider's whole answer when it is not a stream, after decompression. */
  responseBodyBytesMax: 64 * MIB,
  /** A provider's error body: only its message is wanted. */
  errorBodyBytesMax: 64 * KIB,
  /** One SSE event or NDJSON line. Images and audio in an answer come as one event. */
  streamFrameBytesMax: 16 * MIB,
  /** Bytes of a relayed stream kept to read usage from: its first and its last part. */
  tapHeadBytesMax: 4 * KIB,
  tapTailBytesMax: 16 * KIB,
  /** Longest tool-argument text gathered for one call. */
  toolInputCharsMax: 8 * MIB,

  connectTimeoutMs: 10_000,
  firstByteTimeoutMs: 120_000,
  idleTimeoutMs: 120_000,
  totalTimeoutMs: 15 * 60_000,
  /** A quiet stream gets a keepalive this often, below the 60 s of usual load balancers. */
  keepaliveIntervalMs: 15_000,
  /** How often deadlines are looked at: they fire late by as much. */
  deadlineTickMs: 100,
  /** How often running streams are looked at for deadlines and keepalives. */
  streamTickMs: 250,
  /** A client that takes nothing for this long is gone. */
  clientStallTimeoutMs: 120_000,

  retriesMax: 2,
  retryBaseMs: 250,
  retryCapMs: 8_000,
  /** Attempts over all targets of one request. */
  attemptsMax: 8,

  /** fetch stops at 256 at once unless told otherwise before the process starts. */
  upstreamConnectionsMax: 20_000,

  /** Rows waiting for the log store; beyond it rows are dropped and counted. */
  logQueueRowsMax: 50_000,
  logFlushRows: 256,
  logFlushIntervalMs: 50,
  /** A body kept with content logging, each way. */
  logBodyBytesMax: 1 * MIB,
  /** Provider error text kept in a log row. */
  logErrorCharsMax: 2_000,

  /** Bodies waiting for the log store, all together; beyond it rows are kept without theirs. */
  logQueueBodyCharsMax: 64 * MIB,
  /** Bodies written in one transaction, which holds up everything else while it runs. */
  logFlushBodyCharsMax: 4 * MIB,
  /** Wait for a lock on the log store: nothing else runs meanwhile, and the rows can wait better than requests. */
  logBusyTimeoutMs: 10,
  /** A log store that failed is tried again this often. */
  logRetryIntervalMs: 1_000,
  logProblemReportIntervalMs: 60_000,
  /** At the end, a failing log store is tried this long before its rows are given up. */
  logCloseTimeoutMs: 5_000,

  /** Wait for another process's lock while a store is opened and migrated: nothing is served yet. */
  storeOpenTimeoutMs: 10_000,
  /** One wait for a lock on the control data, and how long a write is tried again between such waits. */
  controlBusyTimeoutMs: 50,
  controlWriteTimeoutMs: 5_000,
  /** Write-ahead log kept on disk after a checkpoint. */
  storeJournalBytesMax: 64 * MIB,
  /** How often another process's change to the control data is looked for. */
  controlPollIntervalMs: 200,
  /** An answer of a provider's model list is used this long. */
  modelListTtlMs: 5 * 60_000,
  modelListEntriesMax: 5_000,
  /** How often local servers that may have come or gone are asked for. */
  localServerPollIntervalMs: 30_000,
  /** Asking a local server whether it is there must not delay anything. */
  discoveryTimeoutMs: 1_500,
  /** A provider's body is read this long after its terminator, to keep the connection. */
  upstreamDrainTimeoutMs: 1_000,
  /** Running requests get this long at a graceful stop. */
  drainTimeoutMs: 30_000,
  /** Loss entries in a header; the log row has them all. */
  lossesInHeaderMax: 20,
  /** Losses kept for one request. */
  lossesMax: 200,
  /** Judged addresses of providers that are written as numbers. */
  judgedAddressEntriesMax: 1_000,
  /** Parsed addresses of providers. */
  parsedUrlEntriesMax: 1_000,
  /** DNS answers used by the address guard are kept this long. */
  dnsCacheTtlMs: 30_000,
  dnsCacheEntriesMax: 1_000,

  /** A configuration file, and a file that `${file:…}` names. */
  configFileBytesMax: 1 * MIB,
  configSecretFileBytesMax: 64 * KIB,
  /** Nesting and number of values of a configuration; YAML aliases can repeat one value without end. */
  configDepthMax: 32,
  configValuesMax: 100_000,
  /** Problems of a configuration that are listed; the rest is counted. */
  configProblemsMax: 100,
  /** An editor's burst of writes is read once, this long after its last event. */
  configDebounceMs: 100,
  /** Watched files are also asked for their time stamps, as network folders raise no events. */
  configPollIntervalMs: 2_000,
} as const
