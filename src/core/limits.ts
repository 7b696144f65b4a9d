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
  /** One that has the shape of a token (JWT): with the groups of a person in it. */
  tokenCharsMax: 16 * KIB,
  /** Roles or groups that one token brings, those Microsoft Graph was asked for included (it tells 11,000), and one name or identifier. */
  claimNamesMax: 20_000,
  claimCharsMax: 300,
  /** How long a server that has begun to listen does nothing but answer: who starts it asks at once. What only some need is loaded then. */
  startRestMs: 5,
  /** Header fields of a client's request: more than this is refused with 431. */
  requestHeadersMax: 100,

  /** A provider's whole answer when it is not a stream, after decompression. */
  responseBodyBytesMax: 64 * MIB,
  /** A provider's error body: only its message is wanted. */
  errorBodyBytesMax: 64 * KIB,
  /** How long those words are waited for once the status is there: somebody else may be asked meanwhile. */
  errorBodyTimeoutMs: 5_000,
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
  /** A body of declared length that is read as one piece; a longer one is read bit by bit, so that its silence shows. */
  wholeReadBytesMax: 1 * MIB,
  /** How often deadlines are looked at: they fire late by as much. */
  deadlineTickMs: 100,
  /** How often running streams are looked at for deadlines and keepalives. */
  streamTickMs: 250,
  /** A client that takes nothing for this long is gone. */
  clientStallTimeoutMs: 120_000,

  retriesMax: 2,
  retryBaseMs: 250,
  retryCapMs: 8_000,
  /** Times one answer is gone on with by another target, and how long what was said may be for that. */
  continuationsMax: 2,
  continuationCharsMax: 1 * MIB,
  /** Models that one request falls back to. */
  fallbacksMax: 5,
  /** Share of requests that try a target which is not the fastest known, so that every target stays measured. */
  routeExploreShareMax: 0.02,
  /** Weights of one order whose turns are counted out in full; heavier ones are spread by a fixed sequence. */
  routeTurnsMax: 1_000,
  /** Models whose turns are remembered; the oldest begin anew. */
  routeModelsMax: 10_000,
  /** A request that can be no longer fits everywhere: what providers say of their contexts is not looked up for it. */
  routeSmallTokensMax: 2_000,
  /** An answer whose length nobody limits, where prices are compared. */
  routeAnswerTokensMax: 500,
  /** `x-weir-target`, `x-weir-tags` and `x-session-id`. */
  routeHeaderCharsMax: 400,
  routeTagsMax: 16,
  /** How long `weir route` waits for a running server. */
  routeAskTimeoutMs: 2_000,
  /** How often what is left of a key's limits is read where keys are not chosen by it. */
  keyQuotaIntervalMs: 1_000,
  /** Attempts over all targets of one request. */
  attemptsMax: 8,

  /** Requests that run at once, and that wait for their turn: of all providers, and of one that has a bound of its own. */
  requestsRunningMax: 10_000,
  requestQueueMax: 2_000,
  providerQueueMax: 100,
  queueTimeoutMs: 10_000,
  /** When a client that was refused for overload is to come again: anywhere between the two, or all come at once. */
  overloadRetryMinMs: 1_000,
  overloadRetryMaxMs: 5_000,
  /** Longest a target is left alone before it is tried again. */
  circuitOpenMs: 60_000,
  /** Repeats are counted over so long; so many are free, beside the share of what was sent. */
  retryBudgetWindowMs: 10_000,
  retryBudgetFreeMax: 10,
  /** Targets of one provider of which something is remembered: clients may name any model of it. */
  healthTargetsMax: 1_000,
  /** Moving means of a target that was not asked for so long say nothing any more. */
  healthMeanMs: 5 * 60_000,
  /** Another replica's word about a target does not count where this one had a good answer so short a time ago. */
  healthOwnWordMs: 1_000,
  /** A reset of a provider stays in the store for replicas that do not hear of it at once. */
  providerResetKeptMs: 60 * 60_000,
  /** A key that was refused rests so long, doubled each time up to the longer. */
  keyRefusedBaseMs: 60_000,
  keyRefusedCapMs: 15 * 60_000,
  /** A key rests no longer than that on another replica's word. */
  keyAdoptedRestMs: 60 * 60_000,
  /** Redis, where replicas tell each other what they learn: an answer, a sign of life, waits between attempts to connect. */
  redisAnswerMs: 1_000,
  redisHeartbeatMs: 5_000,
  redisRetryBaseMs: 250,
  redisRetryCapMs: 5_000,
  /** What waits for Redis; beyond it the oldest is given up, and each replica finds out for itself. */
  redisQueueMax: 1_000,
  redisBatchMax: 100,
  /** Facts kept in Redis for replicas that come later, and one told. */
  redisFactsMax: 10_000,
  redisFactCharsMax: 4 * KIB,
  /** How often a provider is asked whether it is well, where it is. */
  checkIntervalMs: 60_000,
  /** How often it is looked which checks are due, how many run at once, and how long one may take. */
  checkTickMs: 1_000,
  checksRunningMax: 8,
  checkTimeoutMs: 15_000,

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
  /** Rows wait so long, and again, for a deletion of old ones that is under way on another thread. */
  logHeldWaitMs: 3,
  /** Statements of those who count with the log that are kept prepared; they are few and constant. */
  logCompanionStatementsMax: 100,
  /** A log store that failed is tried again this often. */
  logRetryIntervalMs: 1_000,
  logProblemReportIntervalMs: 60_000,
  /** A database that has taken no rows for so long is away: what waits goes to disk from then on, to survive this process too. */
  logSpoolAfterMs: 500,
  /** Rows on disk while the database is away, of all processes in one data folder; bodies are left out beyond the lesser. */
  logSpoolBytesMax: 1_024 * MIB,
  logSpoolBodiesBytesMax: 768 * MIB,
  /** One file of them, and one row in it: a longer one is kept without its bodies. */
  logSpoolSegmentBytes: 8 * MIB,
  logSpoolRecordBytesMax: 16 * MIB,
  /** Read at once when they are brought to the database. */
  logSpoolReadBytesMax: 4 * MIB,
  /** They are forced to the disk so often: a power cut loses as much, the end of a process nothing. */
  logSpoolSyncIntervalMs: 1_000,
  /** Rows of a copy or a backup that are held at once, and their size: at least one row. */
  copyBatchRows: 500,
  copyBatchBytesMax: 8 * MIB,
  /** A copy of a whole store may take so long. */
  copyTimeoutMs: 24 * 60 * 60_000,
  /** One piece of a backup file: rows of a batch, of which one can be larger than the bound. */
  backupFrameBytesMax: 256 * MIB,
  /** Rows of one page of a search. */
  searchPageRowsMax: 500,
  /** A search looks at so many rows in one statement, and begins no further one after so long: it goes on where it is asked again. */
  searchWindowRows: 20_000,
  searchTimeMs: 100,
  /** The same of the hourly totals: lines in one statement beside those of a single hour, and how long counts over them go on. */
  searchTotalsRows: 100_000,
  searchTotalsTimeMs: 5_000,
  /** Statements that take longer are made smaller. */
  searchPartMs: 20,
  /** Days whose totals are asked at once for hours in which a search may find something. */
  searchPlanDaysMax: 31,
  /** Tenants over which a search of all goes by their index. */
  searchTenantsMax: 1_000,
  /** A statement of a search that takes longer is given up, and so many may wait. */
  searchAnswerTimeoutMs: 15_000,
  searchQueueMax: 256,
  /** The thread that searches ends when nobody has searched for so long; what it keeps of the file in memory. */
  searchIdleMs: 60_000,
  searchCacheBytes: 32 * MIB,
  /** Values of one facet, lines and points of one chart, and rows whose latencies are looked at for it. */
  searchFacetValuesMax: 50,
  searchFacetGroupsMax: 20_000,
  seriesLinesMax: 10,
  seriesBucketsMax: 800,
  seriesSampleRows: 6_000,
  /** New rows are looked for this often while anybody follows them, all of those together; read at once, and waiting for one reader. */
  tailPollIntervalMs: 300,
  tailRows: 500,
  /** Whoever is further behind than so many rows misses the ones between, and is told. */
  tailBehindRowsMax: 20_000,
  /** Those who follow at once. */
  tailsMax: 200,
  /** A quiet stream says so often that it is there; whether whoever reads it still may is asked so often. */
  tailKeepaliveMs: 5_000,
  tailCheckIntervalMs: 1_000,
  /** Of a command's first lines, what is written into a pipe without a stream: no pipe is so small that it would make anybody wait. */
  pipeStraightBytes: 4_096,
  /** Work in the background that nobody waits for begins so long after the start: first requests are answered first. */
  backgroundStartMs: 1_000,
  /** Old rows are looked for this often, give or take a fifth, so that replicas do not meet. */
  logUpkeepIntervalMs: 60 * 60_000,
  /** Where the log has a size it may not outgrow, that is looked at this often. */
  logSizeCheckIntervalMs: 60_000,
  /** Pages of the file given back to the system at once. */
  logVacuumPagesMax: 128,
  /** Rows whose size is looked at to tell that of all. */
  logSizeSampleRows: 500,
  /** Packed bodies of a request from this size on lie in the bucket, where there is one. */
  contentObjectBytes: 64 * KIB,
  /** Bodies that wait to be made ready for the log, in characters; beyond it rows are kept without theirs. */
  contentQueueCharsMax: 32 * MIB,
  contentQueueRowsMax: 5_000,
  /** Bodies of one request that are looked through at once, which takes a few milliseconds; larger ones on a thread of their own. */
  contentRedactInlineChars: 8 * KIB,
  contentRedactTimeoutMs: 30_000,
  /** The thread ends when there was nothing for it for so long. */
  contentThreadIdleMs: 30_000,
  /** Where a body was cut, so much of its end is not kept where something is taken out: what was cut in two is not recognised. */
  contentCutChars: 256,
  /** The four bodies of a request in JSON, each of its characters as an escape. */
  contentUnpackedBytesMax: 32 * MIB,
  /** Rules of the content policy of one tenant, and its legal holds. */
  holdsMax: 200,
  /** Objects that one round moves out of the store, deletes, or looks at. */
  objectBatchRows: 50,
  objectsAtOnceMax: 4,
  objectTimeoutMs: 30_000,
  objectRetryBaseMs: 2_000,
  objectRetryCapMs: 10 * 60_000,
  /** After so long bodies that were put on their way go out, together with those that came meanwhile. */
  objectSoonMs: 200,
  /** How often it is looked for objects that are to go out or away, while nobody says so. */
  objectRoundIntervalMs: 5_000,
  /** How often objects are held against the rows they belong to. */
  objectSweepIntervalMs: 10 * 60_000,
  /** Objects that no row knows are left alone when younger: their row may be on its way. */
  objectOrphanAgeMs: 24 * 3_600_000,
  objectBytesMax: 32 * MIB,
  objectListBytesMax: 4 * MIB,
  /** Rows of the log that an erasure looks at in one step. */
  erasureStepRows: 2_000,
  erasurePauseMs: 5,
  /** How often it is looked for erasures that another process has begun or that wait. */
  erasureIntervalMs: 60_000,
  erasuresMax: 10_000,
  /** Rows that an export of the request log reads at once. */
  exportPageRows: 200,
  /** One deletion of old rows takes about so long, and no more than so many rows: nobody else writes meanwhile on SQLite. */
  logDeletionStepMs: 4,
  logDeletionStepRows: 1_000,
  /** Taking a month away from the log waits this long for those who use it, as writers wait behind it; and so often, with pauses. */
  logPartitionLockTimeoutMs: 40,
  logPartitionLockTriesMax: 10,
  logPartitionLockPauseMs: 400,
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
  /** Sealed, or sealed anew, in one step, after which requests have their turn; and the pause between two while a server runs. */
  keptSealStepRows: 64,
  keptSealStepBytesMax: 512 * KIB,
  keptSealPauseMs: 20,
  /** So often whoever writes what is kept looks whether there is a newer key. */
  keptKeyRefreshIntervalMs: 5_000,
  /** How often what has expired is deleted, and after how many written rows or bytes earlier than that. */
  keptPruneIntervalMs: 10 * 60_000,
  keptPruneRows: 10_000,
  keptPruneBytesMax: 64 * MIB,
  /** Rows deleted at once: requests go on between two such deletions. */
  keptPruneBatchRows: 500,
  /** Connections of one process to Postgres, the one that hears of changes included. */
  postgresConnectionsMax: 10,
  /** A connection that is not made by then, password and all. */
  postgresConnectTimeoutMs: 3_000,
  /** Servers that one storage.url may name: a primary and those that may take its place. */
  postgresServersMax: 8,
  /** What Postgres itself gives up: a statement, a wait for a lock, a transaction that nobody goes on with. */
  postgresStatementTimeoutMs: 10_000,
  postgresLockTimeoutMs: 5_000,
  postgresIdleTransactionTimeoutMs: 10_000,
  /** No answer by then, though Postgres should have given up itself: the connections are thrown away as dead. */
  postgresAnswerTimeoutMs: 12_000,
  /** Queries that wait for a connection, and how long one waits. */
  postgresQueueMax: 1_000,
  postgresQueueTimeoutMs: 5_000,
  /** A change that waits for its turn longer than this behind one that failed fails with it. */
  changeQueueTimeoutMs: 2_000,
  /** Connections that nobody uses are closed before a firewall forgets them in silence. */
  postgresIdleTimeoutMs: 60_000,
  postgresConnectionLifetimeMs: 45 * 60_000,
  /** What still runs when the store is closed gets this long. */
  postgresCloseTimeoutMs: 1_000,
  /** Waits before a lost connection is made again, doubled each time. */
  postgresRetryBaseMs: 50,
  postgresRetryCapMs: 500,
  /** Transactions that met another one are run again this often. */
  postgresTransactionRetriesMax: 10,
  /** Steps of a new version's schema: those of another replica are waited for as long. */
  postgresMigrationTimeoutMs: 10 * 60_000,
  /** The connection that hears of changes is asked this often whether it is alive and has missed one, and must answer within. */
  postgresPollIntervalMs: 500,
  postgresPollTimeoutMs: 2_000,
  /** A clock that is further from the database's is told: replicas go by their own. */
  postgresClockSkewMs: 2_000,
  /** A browser session that is not used, and any at all. */
  sessionIdleMs: 30 * 60_000,
  sessionLifetimeMs: 12 * 60 * 60_000,
  /** Between two writings of when a session was last used, of however many replicas: well below the shortest idle time. */
  sessionTouchLeastMs: 10_000,
  /** Sessions of one user; beyond it the oldest end. */
  sessionsPerUserMax: 100,
  /** Sessions in memory, and how long one is believed there: another replica may have ended it. */
  sessionCacheMax: 10_000,
  sessionCacheMs: 1_000,
  /** When a session was last used is written this often, or a quarter of its idle time where that is shorter. */
  sessionTouchIntervalMs: 60_000,
  /** A session that is used is asked for at its issuer this often: refused there, it ends here. */
  sessionRefreshIntervalMs: 5 * 60_000,
  /** What has ended is deleted this often. */
  sessionPruneIntervalMs: 10 * 60_000,
  /** Browser names kept with a session. */
  sessionAgentCharsMax: 200,
  /** Logins that have begun and not ended, and how long one may take. */
  loginAttemptsMax: 10_000,
  loginAttemptMs: 10 * 60_000,
  /** Logins that one address may begin within the window (a company may be behind it), and fail at; passwords tried for one name from there. */
  loginWindowMs: 60_000,
  loginsBegunPerAddressMax: 300,
  loginFailuresPerAddressMax: 30,
  loginFailuresPerNameMax: 15,
  /** Of one name from wherever: so many that nobody alone can keep its owner out. */
  loginFailuresPerNameAnywhereMax: 60,
  /** Addresses and names whose attempts are counted. */
  loginCountersMax: 20_000,
  /** Passwords hashed at once, each of which takes memory, and those that wait for it. */
  passwordHashesMax: 2,
  passwordQueueMax: 32,
  passwordShortestChars: 12,
  passwordCharsMax: 256,
  /** A link that sets up the administrator. */
  setupLinkMs: 60 * 60_000,
  /** A link by which a new user, or one who has forgotten theirs, chooses a password: people read their mail after the weekend. */
  passwordLinkMs: 3 * 24 * 60 * 60_000,
  /** A link that logs one person in: made by `weir open` and used by the browser that it opens. */
  loginLinkMs: 2 * 60_000,
  /** A browser that was started has failed by then, or is there. */
  browserLaunchMs: 1_500,
  /** A server that was started by hand or by the system, until it answers; between two questions. */
  serviceStartTimeoutMs: 20_000,
  serviceAskIntervalMs: 100,
  /** One command of the system's service manager, and what is kept of what it says. */
  serviceCommandTimeoutMs: 90_000,
  serviceOutputCharsMax: 20_000,
  /** Variables for a service, in a file. */
  environmentFileBytesMax: 64 * KIB,
  environmentFileNamesMax: 500,
  /** The answer of a releases feed, and the wait for it. */
  updateBodyBytesMax: 1 * MIB,
  updateTimeoutMs: 10_000,
  /** A body of the login pages or of a logout. */
  loginBodyBytesMax: 64 * KIB,
  /** An answer of an OpenID provider: metadata, keys, tokens. */
  oidcBodyBytesMax: 1 * MIB,
  oidcTimeoutMs: 5_000,
  /** Metadata is read anew after this; a provider that did not answer is left alone so long, and logins wait for no more than one try. */
  oidcMetadataTtlMs: 60 * 60_000,
  oidcRetryMs: 2_000,
  /** A logout token older than that is refused. */
  logoutTokenAgeMs: 5 * 60_000,
  /** A refusal of the same thing to the same one is recorded this often; so many of them are remembered. */
  denialRecordIntervalMs: 60_000,
  denialEntriesMax: 10_000,
  /** A body of the management API, and the items of a list in it. */
  adminBodyBytesMax: 64 * KIB,
  /** A whole configuration in a body: what a team exports must go in again. It is read in half a second at most. */
  importBodyBytesMax: 256 * KIB,
  adminListItemsMax: 500,
  /** Rows of a page of a list of the management API, unless asked for, and at most. */
  adminPageRows: 100,
  adminPageRowsMax: 500,
  /** Rows that a list reads at once of those that it puts in their places itself. */
  listRunRows: 2_000,
  /** How long a creation is known by its `Idempotency-Key`, and how many are at once; the oldest go first. */
  onceAnswerMs: 24 * 60 * 60_000,
  onceAnswersMax: 10_000,
  /** An answer longer than this is not kept: the same key then says that it was used. */
  onceAnswerCharsMax: 64 * KIB,
  /** How long a key may go on beside the one that takes its place. */
  keyOverlapMs: 30 * 24 * 60 * 60_000,
  /** API keys that somebody may have made for themselves and not yet given back. */
  ownKeysMax: 100,
  /** Limits of a tenant in the store, and budgets as well: every request of the tenant is held against all of them. */
  tenantRulesMax: 1_000,
  /** Guardrails of one tenant, of the whole installation, and of the file: each may be asked for every request. */
  tenantGuardrailsMax: 200,
  /** Of those of one tenant, or of the whole installation, as JSON, all together: lists of words take a hundred times that in memory. */
  tenantGuardrailsCharsMax: 2 * MIB,
  /** One judgement, unless the rule says otherwise, and the longest a rule may allow: a client waits for it. */
  guardTimeoutMs: 5_000,
  guardTimeoutMsMax: 60_000,
  /** Of a streamed answer held back until it is judged, unless the rule says otherwise, and at most. */
  guardWindowChars: 512,
  guardWindowCharsMax: 100_000,
  /** Tried at once: guardrails, and texts. */
  guardTrialRulesMax: 50,
  guardTrialTextsMax: 50,
  /** A guardrail in a body: a list of words may be long. */
  guardrailBodyBytesMax: 512 * KIB,
  /** Callers and models for which it is known which guardrails hold; beyond it they are looked for again. */
  guardListsMax: 10_000,
  /** Names of a model for which it is kept, all together. */
  guardListNameCharsMax: 2_000,
  /** A key is kept so long after nothing is sealed with it any more: a process that has not heard of the new one may still use it. */
  dataKeyGraceMs: 60 * 60_000,
  /** Times sealed values are gone over in one rotation: processes that have not heard of the new key seal with the old one. */
  rotationRoundsMax: 20,
  /** The program that prints the master key; an unlocked safe answers at once. */
  masterKeyCommandTimeoutMs: 30_000,
  masterKeyBytesMax: 64 * KIB,
  /** Keys that one OpenID provider publishes. */
  issuerKeysMax: 100,
  /** Keys are asked for anew after this; while the issuer is away the last ones hold so long, and it is asked again so often. */
  issuerKeysFreshMs: 10 * 60_000,
  issuerKeysStaleMs: 24 * 60 * 60_000,
  issuerRetryMs: 5_000,
  /** For a key that nobody knows an issuer is asked once in so long, however many tokens name one. */
  issuerUnknownKeyIntervalMs: 30_000,
  /** Verified tokens that are remembered, the names in all of them together (roles, groups), and how long one at most. */
  bearerTokensMax: 10_000,
  bearerNamesMax: 1_000_000,
  bearerTokenMs: 10 * 60_000,
  /** Sessions and people whose tokens were called back, and how long that is known: longer than tokens live. */
  bearerForgottenMax: 10_000,
  bearerForgottenMs: 24 * 60 * 60_000,
  /** What others have called back is read again from so long before the last that is known: their clocks are others. */
  bearerRecallOverlapMs: 10 * 60_000,
  /** A request waits so long for its owner to be written down the first time; then it goes on, and it is tried again after the other. */
  newcomerWaitMs: 1_000,
  newcomerRetryMs: 5_000,
  newcomersMax: 10_000,
  /** Groups asked of Microsoft Graph: the wait, the size of the answer, how long it holds, and for how many people. */
  graphAnswerMs: 10_000,
  graphAnswerBytesMax: 2 * MIB,
  graphGroupsMs: 5 * 60_000,
  graphEntriesMax: 1_000,
  graphNamesMax: 500_000,
  graphRunningMax: 8,
  graphQueueMax: 500,
  graphPagesMax: 100,
  /** Counters of limits in one process; beyond it the one that was not asked for longest begins anew. */
  limitCountersMax: 100_000,
  /** Whom which rules concern is remembered for so many of each kind. */
  limitSubjectsMax: 10_000,
  /** Subjects of a limit whose counters are looked at in one answer of the management API. */
  limitLookSubjectsMax: 1_000,
  /** An answer whose length nobody limits, where tokens are limited: so many are taken until it is known. */
  limitAnswerTokensMax: 1_000,
  /**
   * Shared counters that have not answered by then are unavailable; after so many in a row they are left alone for a while. Long enough
   * for a busy machine: what is given up too early is counted by each replica for itself, and more is let through than the limit says.
   */
  limitAnswerMs: 500,
  limitFailuresMax: 2,
  limitRetryBaseMs: 250,
  limitRetryCapMs: 5_000,
  /** A start waits so long for shared counters, where there are limits. */
  limitConnectMs: 500,
  /** Requests that ask shared counters in one round trip, and that wait for one; beyond it they are unavailable for it. */
  limitBatchMax: 100,
  limitQueueMax: 10_000,
  /** A replica that has not renewed what it runs for so long has ended, and what it ran counts no more. */
  limitLeaseMs: 30_000,
  limitRenewIntervalMs: 10_000,
  /** Counters of limits in Postgres that are over are deleted this often. */
  limitPruneIntervalMs: 60_000,
  /** Credentials refused from one address in a minute; beyond it none from there is looked at. */
  authFailuresMax: 300,
  authFailureWindowMs: 60_000,
  /** Addresses whose refused credentials are counted, and good ones remembered for each of them. */
  authFailureAddressesMax: 10_000,
  authFailureKeysMax: 100,
  /** Proxies in one `X-Forwarded-For` that are looked at. */
  forwardedHopsMax: 20,
  /** A replica that has not renewed its leases for so long has ended. */
  budgetLeaseMs: 30_000,
  /** How often leases are looked after: what is held is told, idle ones are given back, thresholds are looked at. */
  budgetTickMs: 500,
  /** A lease that nobody holds anything of is given back after this; at the next look where the budget is nearly spent. */
  budgetIdleMs: 30_000,
  /** A request waits so long for what other replicas have leased and do not hold, asking so often. */
  budgetWaitMs: 1_500,
  budgetWaitStepMs: 100,
  /** A refusal holds so long for requests that need as much: a spent budget must not keep the store busy. */
  budgetRefusalMs: 100,
  /** Windows of budgets that one process leases from at once, and requests that wait for one lease. */
  budgetAccountsMax: 20_000,
  budgetWaitersMax: 5_000,
  /** Leases looked after, and windows read, in one transaction. */
  budgetLeasesAtOnceMax: 100,
  /** Windows stay for reports after they have ended; leases of processes that ended stay for what these may have left to be written. */
  budgetWindowsKeptMs: 400 * 24 * 60 * 60_000,
  budgetLeasesKeptMs: 30 * 24 * 60 * 60_000,
  budgetPruneIntervalMs: 60 * 60_000,
  /** Longest answer that a budget reckons with where nobody limits it; a stream that outgrows it is held more for. */
  budgetOutputTokensMax: 8_192,
  /** Principals and models whose accounts are remembered. */
  budgetSubjectsMax: 10_000,
  /** Alerts that wait for one webhook, webhooks that are waited for at once, and those of one tenant; tries of one alert, waits between them, and one try. */
  alertQueueMax: 50,
  alertDestinationsMax: 200,
  alertTenantDestinationsMax: 20,
  alertTriesMax: 5,
  alertRetryBaseMs: 1_000,
  alertRetryCapMs: 60_000,
  alertTimeoutMs: 10_000,
  /** Outcomes that wait to be sent to one collector or export, and their bodies where those are sent too; beyond it new ones are dropped and counted. */
  telemetryQueueMax: 4_096,
  telemetryQueueBytesMax: 64 * MIB,
  /** Sent at once, at the latest after so long. */
  telemetryBatchMax: 256,
  telemetryBatchBytesMax: 4 * MIB,
  telemetryIntervalMs: 1_000,
  /** One attempt, attempts, waits between them (longer where the receiver asks for it), and what is read of an answer. */
  telemetryTimeoutMs: 10_000,
  telemetryTriesMax: 6,
  telemetryRetryBaseMs: 500,
  telemetryRetryCapMs: 30_000,
  telemetryRetryAfterMs: 5 * 60_000,
  telemetryAnswerBytesMax: 64 * KIB,
  /** At the end, or when its settings change, what waits is sent for so long. */
  telemetryStopMs: 3_000,
  /** Steps and spans of one request, one value of an attribute, and one text of a message. */
  traceStepsMax: 32,
  traceValueCharsMax: 1_000,
  traceContentCharsMax: 128 * KIB,
  /** A value in a line of the program's log, and the fields of one. */
  logFieldCharsMax: 2_000,
  logFieldsMax: 64,
  /** A request longer than this is not looked for in the response cache. */
  cacheRequestBytesMax: 4 * MIB,
  /** A place of kept answers that says nothing for so long knows none, and so does an embedding model. */
  cacheLookupMs: 500,
  cacheEmbedMs: 3_000,
  /** Requests of which others that are equal wait for the answer; beyond it each goes its own way. */
  cacheFlightsMax: 10_000,
  /** Tenants of which hits are counted apart; the rest together. */
  cacheTalliesMax: 1_000,
  /** Text of a request that is compared by its meaning, and texts that are found alike at once. */
  cacheTextCharsMax: 8_000,
  cacheBucketMax: 1_000,
  /** Answers in the store or in Redis, at most, and those deleted at once. */
  cacheRowsMax: 100_000,
  cachePurgeBatchRows: 1_000,
  /** Groups of one report of usage. */
  usageGroupsMax: 10_000,
  /** Hours compared in one statement. */
  reconcileHoursAtOnceMax: 24,
  /** A bill that is compared: file and lines. */
  billBytesMax: 64 * MIB,
  /** Times a change is made anew because another process recorded one first: beyond it something else is wrong. */
  auditRaceRetriesMax: 100,
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
  /** Lists are asked for anew this often, give or take a fifth, so that replicas and providers do not meet. */
  modelListRefreshIntervalMs: 10 * 60_000,
  /** Pages of one list, and the time for all of them: the largest known has some 1,000 models in each. */
  modelListPagesMax: 50,
  modelListTimeoutMs: 60_000,
  modelListPageBytesMax: 16 * MIB,
  /** Providers asked for their lists at once. */
  modelListsAtOnceMax: 8,
  /** When a model was last seen is written this often where nothing else is: each write wakes every replica. */
  modelLastSeenIntervalMs: 60 * 60_000,
  /** Models of one provider that are remembered; beyond it those gone longest are forgotten. */
  modelStatusRowsMax: 10_000,
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
  /** A token service answers within a second; requests wait for it only when there is no token at all. */
  tokenTimeoutMs: 15_000,
  /** An answer of a token service. Tokens are some 2 KiB. */
  tokenBodyBytesMax: 64 * KIB,
  /** A token is renewed in the background when so much is left of it, or a fifth of its life where that is more. */
  tokenRenewalMs: 5 * 60_000,
  /** A token that ends so soon is not sent any more: it must hold until it has arrived. */
  tokenMarginMs: 10_000,
  /** Waits between questions for a token that failed, doubled each time: unanswered ones, and refusals that a person must mend. */
  tokenRetryBaseMs: 250,
  tokenRetryCapMs: 10_000,
  tokenRefusedRetryBaseMs: 1_000,
  tokenRefusedRetryCapMs: 60_000,
  /** A token refused where it was presented is replaced once in so long: a missing right does not come with a new one. */
  tokenReplaceIntervalMs: 30_000,
  /** Tokens in memory: one for each application and purpose. */
  tokenEntriesMax: 1_000,
  /** Azure's management API: pages of one list, accounts, questions at once, repeats of one, and the time for all of it. */
  azurePagesMax: 100,
  azureAccountsMax: 1_000,
  azureQuestionsMax: 6,
  azureRepeatsMax: 4,
  azureDiscoveryTimeoutMs: 120_000,
  azurePageBytesMax: 16 * MIB,
  /** Which account is behind an address changes when somebody makes or deletes one. */
  azureAccountsTtlMs: 60 * 60_000,
  /** A provider's body is read this long after its terminator, to keep the connection. */
  upstreamDrainTimeoutMs: 1_000,
  /** `weir health` waits for an answer no longer: below what schedulers of containers give a check. */
  healthTimeoutMs: 3_000,
  /** Running requests get this long at a graceful stop. */
  drainTimeoutMs: 30_000,
  /** After the last moment of accepting, kept-alive connections are told so for this long while others still run. */
  stopRefusalMs: 1_000,
  /** Of a stop, after running requests were told that they end: for their errors to reach clients that read. */
  stopFlushMs: 400,
  stopPollIntervalMs: 10,
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
  /** The same of a histogram, each of which has many lines. */
  metricHistogramSeriesMax: 300,
  /** Names of models and of tenants among the labels. */
  metricModelsMax: 300,
  metricTenantsMax: 200,
  /** Kinds of requests whose counters are found at once; what comes beyond looks each of them up. */
  metricShapesMax: 10_000,
  /** Names that providers list are looked at again for metrics after this, at the soonest. */
  metricModelNamesMs: 5_000,
  /** Budgets and tenants whose standing is told, and how long it is not read again. */
  metricBudgetsMax: 500,
  metricBudgetTenantsMax: 50,
  metricBudgetsFreshMs: 15_000,
  /** A scrape waits so long for what is left of budgets; without an answer it tells what was known before. */
  metricBudgetsWaitMs: 2_000,
  /** How often the event loop is looked at, and how long after the last scrape. */
  eventLoopTickMs: 250,
  eventLoopWatchMs: 5 * 60_000,
  /** A shorter text of metrics is not packed. */
  metricTextPackBytes: 4 * KIB,
  /** Judged addresses of providers that are written as numbers. */
  judgedAddressEntriesMax: 1_000,
  /** Parsed addresses of providers. */
  parsedUrlEntriesMax: 1_000,
  /** DNS answers used by the address guard are kept this long. */
  dnsCacheTtlMs: 30_000,
  dnsCacheEntriesMax: 1_000,
  /** Where no connection can be made, a name is looked up anew, but not more often than this. */
  dnsRepeatMinMs: 1_000,
  /** Of several addresses, none of which has answered yet, the next is tried after this long (RFC 8305 §5). */
  connectionRaceDelayMs: 250,
  /** How often certificate files are looked at for a change, and how long the last good ones serve when they are broken. */
  tlsFileCheckIntervalMs: 1_000,
  tlsFileGraceMs: 60_000,
  /** A file of certificates: all public authorities together take 0.2 MiB. */
  tlsFileBytesMax: 4 * MIB,
  /** Distinct settings for which connections are kept, and names in the handshake for each of them. */
  networkSettingsMax: 500,
  sessionNamesMax: 100,

  /** What is read of a proxy's or a server's answer while a connection is diagnosed. */
  probeAnswerBytesMax: 16 * KIB,
  /** The wait for an answer to a bare question, which a server may well not give. */
  probeAnswerTimeoutMs: 5_000,
  /** The same for one layer of the way to a provider (less where it says so itself), and for its list of models or a page about a key. */
  probeLayerTimeoutMs: 5_000,
  probeListTimeoutMs: 10_000,
  /** Addresses of one name that are tried in turn while a connection is diagnosed, all together for twice as long as one connection may take; each for so long at least. */
  probeAddressesMax: 8,
  probeAddressMinMs: 1_000,
  /** Providers that are diagnosed at once. */
  doctorRunningMax: 16,
  /** A command that asked others and is done ends by itself within this, or is ended. */
  leftoverPatienceMs: 200,
  /** A tool's file of settings that `weir setup` changes, and a model list it asks for; and how long it waits for one. */
  setupFileBytesMax: 4 * MIB,
  setupAnswerBytesMax: 8 * MIB,
  setupAnswerTimeoutMs: 5_000,
  /** How long a server may take to know a key that was just made. */
  setupKeyTimeoutMs: 3_000,
  /** A provider that is tried from the management API: all of its keys, its list and a token of one model. */
  providerProbeMs: 25_000,
  /** A name that is looked up when an address is written; one that is not known by then is judged when it is used. */
  addressJudgeMs: 2_000,
  /** Models that are named of what a provider lists, where it was only tried. */
  probeModelsMax: 50,
  /** A PEM text of the management API: a chain, or the authorities of a company. */
  pemCharsMax: 32 * 1_024,
  /** Rounds of the derivation that opens an encrypted key which somebody sends; a fifth of a second, while everybody waits. */
  keyDerivationRoundsMax: 1_000_000,
  /** Keys of one provider. */
  providerKeysMax: 100,
  /** A clock that is off by more cannot sign requests: AWS and Entra ID refuse them. */
  clockSkewMs: 5 * 60_000,
  /** Less room for data than this is told: a busy log writes as much in a day. */
  diskRoomBytes: 1024 * MIB,

  /** A configuration file, and a file that `${file:…}` names. */
  configFileBytesMax: 1 * MIB,
  configSecretFileBytesMax: 64 * KIB,
  /** Nesting and number of values of a configuration; YAML aliases can repeat one value without end. */
  configDepthMax: 32,
  /** Looking for the line of a syntax error; beyond it none is told. */
  syntaxLineSearchMs: 300,
  configValuesMax: 100_000,
  /** Files that a configuration of another program includes, when it is imported. */
  importIncludesMax: 50,
  /** Problems of a configuration that are listed; the rest is counted. */
  configProblemsMax: 100,
  /** An editor's burst of writes is read once, this long after its last event. */
  configDebounceMs: 100,
  /** Watched files are also asked for their time stamps, as network folders raise no events. */
  configPollIntervalMs: 2_000,
  /** Guardrail services outside: an answer, with the texts in it where they were rewritten. */
  guardAnswerBytesMax: 8 * MIB,
  /** Questions that one service is asked at once, and those that wait for their turn; beyond it there is no answer. */
  guardCallsMax: 16,
  guardQueueMax: 512,
  /** Of these, what one judgement may have under way: others have a turn as well. */
  guardCallsOfOneMax: 8,
  /** Failures in a row after which a service is left alone, for how long at first and at most; then one question tries it. */
  guardCircuitFailuresMax: 5,
  guardCircuitOpenMs: 1_000,
  guardCircuitOpenMaxMs: 15_000,
  /** Services of which it is remembered how they are. */
  guardServersMax: 500,
  /** Parts that a text is asked in where it is longer than a service takes, and all parts of one judgement. */
  guardPartCharsMax: 1_000_000,
  guardPartsMax: 2_000,
  /** What a service calls its findings: names of one judgement, and the length of one. */
  guardCategoriesMax: 50,
  guardCategoryCharsMax: 64,
  /** Texts that one rule remembers to have passed, where it is told to. */
  guardPassedTextsMax: 10_000,
  /** Places in texts that one answer names. */
  guardSpansMax: 20_000,
  /** Different values that one request may have masked at once; with more of them it is refused. */
  guardValuesMax: 5_000,
  /** Rules that `x-weir-guardrails` names. */
  guardHeaderRulesMax: 20,
  /** What a client is told to wait where a rule could not be checked. */
  guardRetryAfterMs: 2_000,
  /** Text of an answer that is held back until it is judged; an answer that holds back more is not judged, and so not sent. */
  guardHeldCharsMax: 4 * MIB,
  /** Windows of a stream are judged after so many new characters at the least. */
  guardStepChars: 16,
  /** Rules and callers of which the audit has been told in this minute; beyond it nobody new is told apart. */
  guardAuditEntriesMax: 10_000,
  guardAuditIntervalMs: 60_000,
  /** What an entry of the audit quotes of a request. */
  auditExcerptChars: 2_000,
  /** Quoted texts that are deleted at once. */
  auditContentStepRows: 500,

  /** Characters beyond the first plane whose normal form is remembered. */
  guardFormsMax: 20_000,
  /** Of a text that guardrails judge at one go; between two goes others run. What goes on behind it is found within the overlap. */
  guardSliceChars: 64 * KIB,
  guardOverlapChars: 16 * KIB,
  /** What stands before it is looked at for words that name what follows. */
  guardBeforeChars: 512,
  /** Such a time is judged without a pause, but for the one step that runs over it. */
  guardSliceMs: 5,
  /** Patterns that people write: characters times instructions of one step, some 20 ms where the engine is at its slowest. */
  patternSliceStepsMax: 600_000,
  /** A pattern, its instructions (so that a slice has 1,500 characters at least), and how many are kept compiled. */
  patternCharsMax: 1_000,
  patternProgramMax: 400,
  patternsCompiledMax: 500,
  /** What the engine remembers of one pattern to be fast. */
  patternStatesBytesMax: 512 * KIB,
  /** Embeddings for topics: one part of a text, parts of one judgement, texts of one question, vectors kept for one rule (6 KiB each). */
  guardEmbedChars: 2_000,
  guardEmbedPartsMax: 256,
  guardEmbedTextsMax: 64,
  guardVectorsMax: 500,
  /** Of a text that is searched for signs of injection at one go, and what is looked at beyond it. */
  injectionSliceChars: 16 * KIB,
  injectionOverlapChars: 1 * KIB,
  /** Text of one judgement in which encoded text is looked for, and what one piece of it is read to. */
  guardDecodedCharsMax: 64 * KIB,
  guardDecodedPiecesMax: 200,
  /** Steps of checking one value by a schema; a schema can make them grow without bound. */
  guardSchemaStepsMax: 300_000,
  /** Steps between two pauses, so that others run meanwhile. */
  guardSchemaStepsAtOnceMax: 4_000,
  guardSchemaDepthMax: 100,
  guardSchemaPatternsMax: 200,

  /** Outcomes that wait in memory for a ClickHouse; what is more is dropped and counted. Beyond a failure they wait on disk. */
  clickhouseQueueRowsMax: 50_000,
  clickhouseBatchRows: 2_000,
  clickhouseIntervalMs: 1_000,
  clickhouseRetryIntervalMs: 5_000,
  clickhouseConnectMs: 5_000,
  /** Of one batch, and of a question that people ask. */
  clickhouseTimeoutMs: 30_000,
  clickhouseQueryMs: 20_000,
  clickhouseAnswerBytesMax: 64 * MIB,
  /** For each column of each month that a statement reads. */
  clickhouseReadBufferBytes: 64 * KIB,
  /** What was not sent until then at a stop waits on disk for the next start. */
  clickhouseCloseTimeoutMs: 3_000,
  clickhouseRetentionIntervalMs: 3_600_000,
  /** Until a deletion of one person's rows has been done there; it is looked at again then. */
  clickhouseErasureMs: 60_000,
} as const
