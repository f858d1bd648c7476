/** Nothing is unbounded. What is over a limit is refused with an error that names it. */
export const limits = {
  /** Length of agent, team, swarm and project ids, in characters. */
  idLength: 256,
  /** Length of keys, namespaces and stream ids, in characters. */
  nameLength: 512,
  /** One stored value or message as JSON text, in bytes. */
  valueBytes: 1024 * 1024,
  /** One HTTP request body, in bytes. */
  bodyBytes: 1024 * 1024 + 64 * 1024,
  jsonDepth: 64,
  /** Rows in one page of a list. */
  pageSize: 1000,
  /** Items in one mget, mset, append or acquire. */
  batchItems: 1000,
  /** Superseded revisions kept per memory key. */
  historyRevisions: 100,
  /** 10 years in seconds: a longer time to live is a mistake in the unit. */
  ttlSecondsMax: 315_360_000,
  leaseMsMax: 86_400_000,
  /** The longest a call may wait for something to happen. */
  waitMsMax: 600_000,
  patternBytes: 1024,
  patternWildcards: 32,
  patternAlternatives: 64,
  /** Waiters queued for leases in one project. */
  waiters: 10_000,
  deliveriesMax: 100,
  /** An answer recorded for an idempotency key, in bytes; longer ones cannot be replayed and are refused. */
  recordedAnswerBytes: 4 * 1024 * 1024,
  idempotencyKeyLength: 255,
} as const;
