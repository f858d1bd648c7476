import type { ReadContext, Stored, Subject } from '../../kernel/context.ts';
import type { Entry } from '../../kernel/ledger/entry.ts';
import type { ProjectedPage, Projection } from '../../kernel/live/projection.ts';
import type { RedisWrite } from '../../kernel/live/writes.ts';
import { keyIdOf } from '../../kernel/vault/envelope.ts';
import { shownOf } from '../../kernel/vault/shown.ts';
import type { Parameter, Work } from '../../kernel/work.ts';
import { viewed } from './consensus.ts';
import { keys } from './model.ts';
import * as records from './records.ts';
import { loop2Consensus } from './shapes.ts';
import {
  type ConfidenceRow,
  type ConsensusRow,
  confidenceOf,
  consensusOf,
  type DecisionRow,
  decisionOf,
  newestOf,
  type RecordRow,
} from './statements.ts';
import { allConfidences, allConsensus, allDecisions } from './upkeep-statements.ts';

/**
 * The keys and channels of seed 000. A key lives for the `ttl` of its record and holds the record as the seed has it, or
 * its envelope where it is encrypted. The seed's keys name neither project nor swarm: of two records of one key, the one
 * that was written last shows. Messages follow the key, and carry what is private as the same envelope, `sealed`.
 */
export const projections: readonly Projection[] = [
  {
    kind: 'loop-confidence',
    *commands(context, subject, entry) {
      const [swarm, phase, owner, iteration] = partsOf(subject);
      const key = keys.confidence(phase, owner);
      const newest = yield* newestOf(context.project, { swarm, phase }, owner, context.now);
      const writes = [yield* writeOf(context, key, newest, entry)];
      if (isEnd(entry)) return writes;
      const row = yield* confidenceOf(context.project, { swarm, phase, owner, iteration: Number(iteration) });
      const about = { agentId: owner, phase, iteration: Number(iteration), key };
      return [...writes, yield* message(context, channels.confidence, about, row, entry)];
    },
    stored: (context, after = ['', '', '', -1]) =>
      page(context, allConfidences(context.project, after, pageSize), (row) => [
        ...[row.swarm, row.phase, row.owner, row.iteration],
      ]),
  },
  {
    kind: 'loop-consensus',
    *commands(context, subject, entry) {
      const [swarm, phase, id] = partsOf(subject);
      const row = yield* consensusOf(context.project, { swarm, phase, id, scope: subject.scope });
      const key = keys.consensus(phase, id);
      const writes = [yield* writeOf(context, key, row, entry)];
      if (isEnd(entry)) return writes;
      const open = row && !isSealed(row) ? { status: row.status, score: row.score } : {};
      const about = { consensusId: id, phase, ...open };
      return [...writes, yield* message(context, channels.consensus, about, row, entry)];
    },
    stored: (context, after = ['', '', '', '']) =>
      page(context, allConsensus(context.project, after, pageSize), keyColumns),
  },
  {
    kind: 'loop-decision',
    *commands(context, subject, entry) {
      const [swarm, phase, id] = partsOf(subject);
      const row = yield* decisionOf(context.project, { swarm, phase, id, scope: subject.scope });
      const key = keys.decision(phase, id);
      const writes = [yield* writeOf(context, key, row, entry)];
      if (isEnd(entry)) return writes;
      const about = { decisionId: id, phase, key };
      return [...writes, yield* message(context, channels.decision, about, row, entry)];
    },
    stored: (context, after = ['', '', '', '']) =>
      page(context, allDecisions(context.project, after, pageSize), keyColumns),
  },
];

const channels = {
  confidence: { channel: 'cfn-loop:confidence', type: 'loop3.confidence.stored' },
  consensus: { channel: 'cfn-loop:consensus', type: 'loop2.consensus.stored' },
  decision: { channel: 'cfn-loop:decision', type: 'loop4.decision.stored' },
} as const;

const pageSize = 200;

type Row = ConfidenceRow | ConsensusRow | DecisionRow;

const keyColumns = (row: ConsensusRow | DecisionRow) => [row.swarm, row.phase, row.id, row.scope];

/** The columns of the key, as the subject's name holds them. */
function partsOf({ name }: Subject): [string, string, string, string] {
  return name.split('\n') as [string, string, string, string];
}

function isEnd(entry: Entry): boolean {
  return entry.facts?.['deleted'] === 1;
}

function isSealed({ sealed }: Stored): boolean {
  return sealed !== null && keyIdOf(sealed) !== undefined;
}

/** Names in clear, what was said only where it lies in clear. */
function nameOf(row: Row): records.Named {
  if (!('id' in row)) return records.named.confidence(row);
  return 'threshold' in row ? records.named.consensus(row) : records.named.decision(row);
}

function revisionOf(row: Row): number {
  return 'revision' in row ? row.revision : records.written;
}

function* writeOf(
  context: ReadContext,
  key: string,
  row: Row | undefined,
  entry: Pick<Entry, 'seq'>,
): Work<RedisWrite> {
  const ttlMs = row ? row.shown_until - context.now : 0;
  if (!row || ttlMs <= 0) return { type: 'delete', key, version: entry.seq };
  return { type: 'set', key, value: yield* shownValue(context, row), version: row.seq, ttlMs };
}

function* shownValue(context: ReadContext, row: Row): Work<string> {
  if ('threshold' in row && !isSealed(row))
    return JSON.stringify(loop2Consensus(yield* viewed(context, row)));
  return yield* envelopeOf(context, row);
}

function* envelopeOf(context: ReadContext, row: Row): Work<string> {
  return yield* shownOf(context, row, records.bindingOf(nameOf(row), revisionOf(row)));
}

function* message(
  context: ReadContext,
  { channel, type }: { channel: string; type: string },
  about: Readonly<Record<string, unknown>>,
  row: Row | undefined,
  { time: timestamp }: Entry,
): Work<RedisWrite> {
  const sealed =
    row && isSealed(row) ? { sealed: JSON.parse(yield* envelopeOf(context, row)) as unknown } : {};
  return { type: 'publish', channel, message: JSON.stringify({ type, ...about, timestamp, ...sealed }) };
}

function* page<Found extends Row & Pick<RecordRow, 'seq'>>(
  context: ReadContext,
  found: Work<Found[]>,
  position: (row: Found) => readonly Parameter[],
): Work<ProjectedPage> {
  const rows = yield* found;
  const writes: RedisWrite[] = [];
  for (const row of rows) {
    if (row.shown_until > context.now) writes.push(yield* writeOf(context, nameOf(row).key, row, row));
  }
  return { writes, next: rows.length === pageSize ? position(rows.at(-1)!) : undefined };
}
