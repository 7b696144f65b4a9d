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
  /** List items that a provider adds to a streamed choice under names of its own (token ids), kept for the choice's end. */
  choiceExtrasItemsMax: 1_000_000,
  /** Longest tool-argument text gathered for one call. */
  toolInputCharsMax: 8 * MIB,
  /** Schemas in one that is converted, references put in place: each of a few definitions may name all the others. */
  schemaNodesMax: 5_000,

  /** An upload (audio, an image, a file): OpenAI takes files up to this. `server.max_upload_size` changes it. */
  uploadBytesMax: 512 * MIB,
  /** Of one upload held in memory; a larger one lies on disk until it has been sent. */
  uploadMemoryBytesMax: 1 * MIB,
  /** Uploads on disk, all together: beyond it a new one is refused until others are done. */
  uploadDiskBytesMax: 8 * 1024 * MIB,
  /** Read from disk at once while an upload is sent. */
  uploadReadBytesMax: 256 * KIB,
  /** An upload may take long as a whole, but not stand still. */
  uploadIdleTimeoutMs: 30_000,
  uploadTotalTimeoutMs: 30 * 60_000,
  /** Parts of a form, the header of one of them, and a field that is read here (`model`). */
  formPartsMax: 1_000,
  formPartHeaderBytesMax: 8 * KIB,
  formFieldBytesMax: 1 * KIB,
  /** Pages of a provider's list of files or batches that are looked through for a tenant's own. */
  ownedListPagesMax: 20,
  ownedListRowsMax: 10_000,
  /** Bytes of an answer of unknown kind that are looked at for its usage. */
  sniffBytesMax: 4 * MIB,
  /** Path and query of a raw request to a provider. */
  proxyTargetCharsMax: 8 * KIB,

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

  /** Requests that run at once, and that wait for their turn: of all providers, and of one that has a bound of its own. */
  requestsRunningMax: 10_000,
  requestQueueMax: 2_000,
  providerQueueMax: 100,
  queueTimeoutMs: 10_000,
  /** How often a provider is asked whether it is well, where it is. */
  checkIntervalMs: 60_000,

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

  /** What is kept for later requests, per kind: beyond it the oldest of that kind go first. */
  keptRowsMax: 100_000,
  keptBytesMax: 512 * MIB,
  /** One kept item; a larger one is not kept. A turn with pictures reaches the size of a request. */
  keptItemBytesMax: 16 * MIB,
  /** Kept items that wait for the store; beyond it the oldest are given up. They are found meanwhile. */
  keptQueueRowsMax: 10_000,
  keptQueueBytesMax: 64 * MIB,
  /** Written in one transaction. */
  keptFlushRows: 256,
  keptFlushBytesMax: 4 * MIB,
  /** How often what has expired is deleted, and after how many written rows or bytes earlier than that. */
  keptPruneIntervalMs: 10 * 60_000,
  keptPruneRows: 10_000,
  keptPruneBytesMax: 64 * MIB,
  /** Rows deleted at once: requests go on between two such deletions. */
  keptPruneBatchRows: 500,
  /** An answer of the Responses protocol can be referred to this long, as at OpenAI. */
  keptResponseTtlMs: 30 * 24 * 60 * 60_000,
  /** Answers in one chain of `previous_response_id`, and the size of all that it brings back. */
  responseChainMax: 1_000,
  responseChainBytesMax: 32 * MIB,
  /** Reasoning of a turn with tool calls is remembered this long: a tool may take hours, a conversation not days. */
  reasoningMemoryTtlMs: 6 * 60 * 60_000,
  /** Remembered turns in memory, and their size; the store behind has what fell out. */
  reasoningMemoryMax: 5_000,
  reasoningMemoryBytesMax: 32 * MIB,
  /** Reasoning and tool arguments of one turn that are looked at to remember them. */
  reasoningTurnCharsMax: 2 * MIB,
  /** Tool calls of a conversation whose reasoning is looked for, the latest first. */
  reasoningRecallMax: 500,

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
  /** Models of local servers of which something is remembered. */
  localModelEntriesMax: 500,
  /** A request may wait so long for a local server to describe its model; it goes on without. */
  localModelTimeoutMs: 1_500,
  /** A server that described nothing is asked again after this. */
  localModelRetryMs: 30_000,
  /** What is in a server's memory changes within minutes. */
  localModelLoadedTtlMs: 5_000,
  /** Ollama drops a model after five quiet minutes; the context it was asked for is kept a little longer. */
  localModelKeepMs: 10 * 60_000,
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
  /** Trial decodings of a refused request's body while the lost parameter is looked for, and what all of them may read. */
  lossParamTrialsMax: 64,
  lossParamTrialBytesMax: 16 * MIB,
  /** Losses kept for one request. */
  lossesMax: 200,
  /** Counting a prompt's tokens, over all targets; then the estimate is the answer. */
  tokenCountTimeoutMs: 10_000,
  /** Combinations of labels of one metric; what comes beyond is counted under `other`. */
  metricSeriesMax: 2_000,
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
