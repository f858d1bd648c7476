import { z } from 'zod';
import { scopeFor } from '../../kernel/access/model.ts';
import type { ReadContext, WriteContext } from '../../kernel/context.ts';
import { invalid, RookeryError } from '../../kernel/errors.ts';
import { mutation, query } from '../../kernel/operation.ts';
import type { Work } from '../../kernel/work.ts';
import { endConsensus, pruned } from './endings.ts';
import { reaches } from './gates.ts';
import * as model from './model.ts';
import * as records from './records.ts';
import { type ConsensusRow, consensusIn, consensusOf, type Place, putConsensus } from './statements.ts';
import { addVotes, resultsOf } from './votes.ts';

const { agreed, place, keeping, reading } = model;

export const recordConsensus = mutation({
  name: 'loop.recordConsensus',
  summary: 'Record how far the validators of a phase agree, with a vote for each result',
  description:
    'For the swarm, or narrower. While it is pending, later calls with its id add results; a result once recorded is neither changed nor left out. "achieved" needs a score at or above the threshold. Kept for 90 days after the last call.',
  input: z.strictObject({
    ...place,
    id: model.recordId,
    iteration: model.iteration,
    ...agreed,
    validationResults: model.validationResults,
    ...keeping,
  }),
  output: model.consensus,
  access: 'write',
  route: 'POST /api/v1/loop/{phase}/consensus',
  *run(context, input) {
    assertSound(input);
    const identity = yield* context.identity();
    const { phase, id, encrypt, validationResults } = input;
    const swarm = records.swarmForWriting(identity, input.swarm);
    const level = model.levelIn(model.classes.consensus, input.level);
    const scope = scopeFor(identity, level, level === 'swarm' ? swarm : undefined);
    const current = yield* currentRow(context, { swarm, phase, id, scope });
    const said = saidOf(input, current?.created_at ?? context.now);
    const closed = current !== undefined && (yield* isFinal(context, current, said));
    const row = closed
      ? current
      : yield* put(context, { swarm, phase, id, scope }, { ...input, said, current });
    yield* addVotes(context, row, validationResults, { encrypt, closed });
    context.tx.touch(`loop/${swarm}/${phase}`);
    return yield* viewed(context, row);
  },
});

type Said = Omit<Pick<model.Consensus, keyof typeof agreed | 'iteration'>, 'timestamp'> & {
  readonly timestamp: number;
};

function saidOf(input: Claims & { readonly timestamp?: number | undefined }, otherwise: number): Said {
  const { iteration, threshold, currentScore, status, timestamp = otherwise, resolvedAt } = input;
  return { iteration, threshold, currentScore, status, timestamp, resolvedAt };
}

interface Change {
  readonly said: Said;
  readonly current: ConsensusRow | undefined;
  readonly ttl?: number | undefined;
  readonly encrypt?: boolean | undefined;
}

function* put(
  context: WriteContext,
  of: Place & { id: string; scope: string },
  { said, current, ttl, encrypt }: Change,
): Work<ConsensusRow> {
  const { agent, now } = context;
  const { iteration, status, currentScore: score, threshold } = said;
  const lifetime = model.lifetimeOf(model.classes.consensus, ttl, now);
  const revision = (current?.revision ?? 0) + 1;
  const kept = yield* records.keep(context, records.named.consensus(of), {
    ...{ content: records.encodeSaid('consensus', said), revision, encrypt, action: 'loop2_consensus' },
    facts: { ...records.factsOf(lifetime), iteration },
  });
  const columns = records.isClosed(of.scope, encrypt)
    ? { status: null, score: null, threshold: null }
    : { status, score, threshold };
  const row: ConsensusRow = {
    ...{ ...of, iteration, revision, ...kept, ...lifetime, ...columns, author: agent, updated_at: now },
    ...{ owner: current?.owner ?? agent, created_at: current?.created_at ?? now },
  };
  if ((yield* putConsensus(context.project, row)) === 1) return row;
  throw new RookeryError('REVISION_CONFLICT', `consensus ${of.id} changed meanwhile`, { id: of.id });
}

interface Claims extends Omit<Said, 'timestamp'> {
  readonly phase: string;
  readonly validationResults: readonly model.ValidationResult[];
}

function assertSound({ phase, status, currentScore, threshold, validationResults }: Claims): void {
  if (status === 'achieved' && !reaches(currentScore, threshold))
    throw invalid('status', `"achieved" needs a currentScore of at least the threshold, ${threshold}`);
  const seen = new Set<string>();
  for (const [i, { validator, validationType, phase: of }] of validationResults.entries()) {
    if (of !== undefined && of !== phase) throw invalid(`validationResults.${i}.phase`, phase);
    const voter = `${validator}\n${validationType}`;
    if (seen.has(voter)) throw invalid(`validationResults.${i}`, 'one result for each validator and type');
    seen.add(voter);
  }
}

/** The row to be changed; one that is past its time is erased first, with its votes. */
function* currentRow(
  context: WriteContext,
  of: Place & { id: string; scope: string },
): Work<ConsensusRow | undefined> {
  const row = yield* consensusOf(context.project, of);
  if (!row || records.isLive(row, context.now)) return row;
  yield* endConsensus(context, row, pruned);
  return undefined;
}

/** Whether it is final; then what is given must be what is stored. */
function* isFinal(context: ReadContext, row: ConsensusRow, said: Said): Work<boolean> {
  const stored = yield* saidIn(context, row);
  const { status } = JSON.parse(stored) as { status: model.ConsensusStatus };
  if (status === 'pending') return false;
  records.assertSame('consensus', row.id, stored, records.encodeSaid('consensus', said));
  return true;
}

function* saidIn(context: ReadContext, row: ConsensusRow): Work<string> {
  return yield* records.contentOf(context, records.named.consensus(row), row, row.revision);
}

export const consensus = query({
  name: 'loop.consensus',
  summary: 'Read the newest consensus of a phase, or one by its id',
  input: z.strictObject({ ...place, id: model.recordId.optional() }),
  output: model.consensus.nullable(),
  access: 'read',
  route: 'GET /api/v1/loop/{phase}/consensus',
  positional: ['phase'],
  *run(context, input) {
    const { consensuses } = yield* readable(context, { ...input, cursor: '', limit: 1 });
    return consensuses[0] ?? null;
  },
});

export const consensuses = query({
  name: 'loop.consensuses',
  summary: 'List the consensus records of a phase, newest first',
  input: z.strictObject(reading),
  output: z.object({ consensuses: z.array(model.consensus), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/loop/{phase}/consensuses',
  positional: ['phase'],
  *run(context, input) {
    return yield* readable(context, input);
  },
});

interface Wanted {
  readonly phase: string;
  readonly swarm?: string | undefined;
  readonly id?: string | undefined;
  readonly cursor: string;
  readonly limit: number;
}

/** A page of what the caller may read, noted where the audience is closed. */
export function* readable(
  context: ReadContext,
  wanted: Wanted,
): Work<{ consensuses: model.Consensus[]; nextCursor: string | null }> {
  const identity = yield* context.identity();
  if (identity.scopes.length === 0) return { consensuses: [], nextCursor: null };
  const { phase, id, limit } = wanted;
  const place = { swarm: records.swarmOf(identity, wanted.swarm), phase };
  if (!records.belongsTo(identity, place.swarm))
    context.noteDenial(records.phaseSubject(place, `swarm:${place.swarm}`));
  const page = records.pageOf(wanted, context.now);
  const rows = yield* consensusIn(context.project, context.agent, place, id, page);
  const answer: model.Consensus[] = [];
  for (const row of rows.slice(0, limit)) {
    context.noteRead(records.phaseSubject(place, row.scope));
    answer.push(yield* viewed(context, row));
  }
  return { consensuses: answer, nextCursor: records.nextCursor(rows, limit) };
}

export function* viewed(context: ReadContext, row: ConsensusRow): Work<model.Consensus> {
  const said = JSON.parse(yield* saidIn(context, row)) as Pick<model.Consensus, keyof typeof agreed>;
  return {
    ...said,
    ...records.headOf(records.named.consensus(row), row),
    id: row.id,
    owner: row.owner,
    revision: row.revision,
    updatedAt: row.updated_at,
    validationResults: yield* resultsOf(context, row),
  };
}
