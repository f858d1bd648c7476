/** Nothing is unbounded. What is over a limit is refused with an error that names it. */
export const limits = {
  /** Length of agent, team, swarm and project ids, in bytes of UTF-8. */
  idLength: 256,
  /** Length of keys, namespaces and stream ids, in bytes of UTF-8. */
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
  /** Contents of one append together, as JSON text. */
  batchBytes: 16 * 1024 * 1024,
  /** Contents of one page of events, as JSON text; a page ends early, and has at least one. */
  pageBytes: 2 * 1024 * 1024,
  /** Consumer groups, and consumers with a cursor, of one stream. */
  groupsPerStream: 1000,
  cursorsPerStream: 10_000,
  /** Dead letters of one group before it hands out no more. */
  deadLetters: 10_000,
  /** Superseded revisions kept per memory key. */
  historyRevisions: 100,
  /** 10 years in seconds: a longer time to live is a mistake in the unit. */
  ttlSecondsMax: 315_360_000,
  /** A grant lasts a year at most: what is meant to last longer is a membership. */
  grantSecondsMax: 31_622_400,
  /** Metadata of one agent, team or swarm as JSON text, in bytes. */
  metadataBytes: 64 * 1024,
  capabilities: 100,
  leaseMsMax: 86_400_000,
  /** The longest a call may wait for something to happen. */
  waitMsMax: 600_000,
  /** A path to be leased, in bytes: it stands twice in one index row. */
  pathBytes: 1024,
  patternBytes: 1024,
  patternWildcards: 32,
  patternAlternatives: 64,
  /** Live leases on patterns in one project: each lease on a path is compared with all of them. */
  patternLeases: 1000,
  /** Holders that share one path. */
  sharedHolders: 1000,
  /** Waiters queued for leases in one project. */
  waiters: 10_000,
  deliveriesMax: 100,
  signalTargets: 500,
  electors: 1000,
  /** A year: what is open for longer is a mistake in the unit. */
  deadlineMsMax: 31_622_400_000,
  /** Unfinished tasks that wait for one and the same task. */
  dependents: 10_000,
  /** The longest one attempt at a task may take, and the furthest a task may be put off: 365 days. */
  taskMsMax: 31_536_000_000,
  /** Numbers that callers count by themselves, with room to count on. */
  counterMax: 1_000_000_000_000_000,
  /** Sorties of one mission: closing or removing it looks at each. */
  sortiesPerMission: 1000,
  /** Checkpoints kept of one mission; the oldest goes when another is made. */
  checkpointsPerMission: 100,
  /** What one checkpoint holds, as JSON text, in bytes. */
  checkpointBytes: 1024 * 1024,
  /** An answer recorded for an idempotency key, in bytes; longer ones cannot be replayed and are refused. */
  recordedAnswerBytes: 4 * 1024 * 1024,
  idempotencyKeyLength: 255,
} as const;
