import { type Identity, levelOf, scopeFor, scopes, sealedByDefault } from '../../kernel/access/model.ts';
import {
  Denial,
  type ReadContext,
  type Stored,
  type Subject,
  type WriteContext,
} from '../../kernel/context.ts';
import { RookeryError } from '../../kernel/errors.ts';
import { encodeValue } from '../../kernel/json.ts';
import type { Work } from '../../kernel/work.ts';
import { keys, type Lifetime, type ValidationResult } from './model.ts';
import type {
  ConfidenceRow,
  ConsensusRow,
  DecisionRow,
  Page,
  Place,
  RecordRow,
  VoteRow,
} from './statements.ts';

/** What the operations on records of the loop share: places, names in the ledger, sealing, and the end of a record. */

export const category = 'cfn-loop';

/** The revision of what is written once, and never changed. */
export const written = 1;

/** The swarm a call is about. Nobody is told here whether it may: reads answer as if nothing were there. */
export function swarmOf(identity: Identity, asked: string | undefined): string {
  return scopeFor(identity, 'swarm', asked).slice('swarm:'.length);
}

export function belongsTo(identity: Identity, swarm: string): boolean {
  return identity.scopes.includes(scopes.swarm(swarm));
}

/** The swarm for a change, which its members alone make. Throws FORBIDDEN otherwise. */
export function swarmForWriting(identity: Identity, asked: string | undefined): string {
  const swarm = swarmOf(identity, asked);
  if (belongsTo(identity, swarm)) return swarm;
  const subject = { kind: 'swarm', name: swarm, scope: scopes.project };
  throw new Denial('FORBIDDEN', `${identity.agent} is not a member of swarm ${swarm}`, subject, { swarm });
}

/** All records of a phase in one audience, as reads of them are noted. */
export function phaseSubject({ swarm, phase }: Place, scope: string): Subject {
  return { kind: 'loop-phase', name: `${swarm}\n${phase}`, scope };
}

export const named = {
  confidence: ({
    swarm,
    phase,
    owner,
    iteration,
    scope,
  }: Pick<ConfidenceRow, 'swarm' | 'phase' | 'owner' | 'iteration' | 'scope'>): Named => ({
    kind: 'loop-confidence',
    table: 'loop_confidences',
    record: [swarm, phase, owner, String(iteration)].join('\n'),
    scope,
    swarm,
    key: keys.confidence(phase, owner),
  }),
  consensus: ({
    swarm,
    phase,
    id,
    scope,
  }: Pick<ConsensusRow, 'swarm' | 'phase' | 'id' | 'scope'>): Named => ({
    kind: 'loop-consensus',
    table: 'loop_consensus',
    record: [swarm, phase, id].join('\n'),
    scope,
    swarm,
    key: keys.consensus(phase, id),
  }),
  vote: ({
    swarm,
    phase,
    consensus,
    scope,
    validator,
    type,
  }: Pick<VoteRow, 'swarm' | 'phase' | 'consensus' | 'scope' | 'validator' | 'type'>): Named => ({
    kind: 'loop-vote',
    table: 'loop_votes',
    record: [swarm, phase, consensus, validator, type].join('\n'),
    scope,
    swarm,
    key: keys.consensus(phase, consensus),
  }),
  decision: ({ swarm, phase, id, scope }: Pick<DecisionRow, 'swarm' | 'phase' | 'id' | 'scope'>): Named => ({
    kind: 'loop-decision',
    table: 'loop_decisions',
    record: [swarm, phase, id].join('\n'),
    scope,
    swarm,
    key: keys.decision(phase, id),
  }),
} as const;

/** What a record is called in the ledger, in its seal and in Redis. */
export interface Named {
  readonly kind: string;
  readonly table: string;
  readonly record: string;
  readonly scope: string;
  readonly swarm: string;
  readonly key: string;
}

/** The audience stands in the name: the same id may exist once in each. */
export function subjectOf({ kind, record, scope }: Named): Subject {
  return { kind, name: `${record}\n${scope}`, scope };
}

export function bindingOf({ table, record, scope }: Named, revision: number) {
  return { table, record, scope, revision };
}

export interface Said {
  readonly content: string;
  readonly revision: number;
  /** Numbers among the record's columns, which the entry states too. */
  readonly facts: Readonly<Record<string, number>>;
  readonly encrypt?: boolean | undefined;
  readonly action: string;
  readonly risk?: 'low' | 'medium' | 'high';
}

/** Whether what is said to an audience lies sealed: by its level, or because it was asked for. */
export function isClosed(scope: string, encrypt: boolean | undefined): boolean {
  return sealedByDefault(levelOf(scope)) || encrypt === true;
}

/** Seals what was said, or not, and records it; the row keeps both. */
export function* keep(
  context: WriteContext,
  name: Named,
  { content, revision, facts, encrypt, action, risk }: Said,
): Work<Stored & { seq: number }> {
  const closed = isClosed(name.scope, encrypt);
  const stored = yield* context.seal(content, closed, bindingOf(name, revision));
  const { key, kind, swarm } = name;
  const seq = yield* context.record(subjectOf(name), {
    revision: [revision - 1, revision],
    content,
    facts,
    ...(risk !== undefined && { risk }),
    labels: { action, category, entityType: kind, entityId: key, swarm },
  });
  return { ...stored, seq };
}

export function* contentOf(context: ReadContext, name: Named, row: Stored, revision: number): Work<string> {
  return yield* context.open(row, bindingOf(name, revision));
}

/** The JSON text of what was said, without what was left out. */
export function encodeSaid(field: string, said: Readonly<Record<string, unknown>>): string {
  const present = Object.entries(said).filter(([, value]) => value !== undefined);
  return encodeValue(field, Object.fromEntries(present));
}

export function isLive(row: Pick<RecordRow, 'expires_at'>, now: number): boolean {
  return row.expires_at > now;
}

/** The ends of a record, as its entry states them. */
export function factsOf({ expires_at: expiresAt, shown_until: shownUntil }: Lifetime) {
  return { expiresAt, shownUntil };
}

/** A page as the caller asked for it, with one row more to tell whether others follow. */
export function pageOf(input: { readonly cursor: string; readonly limit: number }, now: number): Page {
  return {
    before: input.cursor === '' ? Number.MAX_SAFE_INTEGER : Number(input.cursor),
    limit: input.limit + 1,
    now,
  };
}

export function nextCursor(rows: readonly { readonly seq: number }[], limit: number): string | null {
  return rows.length > limit ? String(rows[limit - 1]!.seq) : null;
}

export function headOf(name: Named, row: RecordRow) {
  return {
    key: name.key,
    swarm: row.swarm,
    phase: row.phase,
    iteration: row.iteration,
    level: levelOf(row.scope),
    seq: row.seq,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  };
}

/** What is final stays as it is: the same again is no error, anything else is. */
export function assertSame(what: string, id: string, stored: string, given: string): void {
  if (stored === given) return;
  throw new RookeryError('REVISION_CONFLICT', `${what} ${id} is final and says something else`, { id });
}

/** A result without the names that are columns of its row. */
export function resultContent(
  { validator: _, validationType: __, ...result }: ValidationResult,
  i: number,
): string {
  return encodeSaid(`validationResults.${i}`, result);
}
