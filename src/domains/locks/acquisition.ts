import type { WriteContext } from '../../kernel/context.ts';
import { invalid, RookeryError } from '../../kernel/errors.ts';
import { encodeValue } from '../../kernel/json.ts';
import { limits } from '../../kernel/limits.ts';
import type { Work } from '../../kernel/work.ts';
import { judge, type Verdict } from './judgement.ts';
import {
  expiryOf,
  grant,
  type Holder,
  leaseOf,
  renew,
  type Terms,
  type Turnover,
  turnover,
  upgrade,
} from './leases.ts';
import { type Acquired, type AcquireInput, type Cycle, defaultLeaseMs, type Mode } from './model.ts';
import { cyclesOfGrant, deadlocked } from './queue/cycles.ts';
import { enqueue } from './queue/enqueue.ts';
import { handOver } from './queue/handover.ts';
import { countBypass, waitersOf } from './queue/statements.ts';
import { lockHeld, type Refusal, reasonsOf } from './refusal.ts';
import { type Resource, resourcesOf } from './resources.ts';
import type { LeaseRows } from './statements.ts';
import { type Situation, situationOf } from './statements.ts';

/** A request, checked and in one spelling. */
export interface Asked {
  readonly resources: readonly Resource[];
  readonly terms: Terms;
  readonly urgency: number;
}

/** What an input asks for. Throws before anything is read when a field does not fit. */
export function askedOf(
  input: Omit<AcquireInput, 'waitMs' | 'onDeadlock' | 'chronicle'> & { readonly chronicle?: boolean },
): Asked {
  const { purpose, checksum, urgency, chronicle } = input;
  const mode: Mode = input.mode ?? (purpose === 'read' ? 'shared' : 'exclusive');
  const resources = resourcesOf(input, mode);
  if (purpose && resources.some((resource) => (resource.mode === 'shared') !== (purpose === 'read')))
    throw invalid('purpose', 'read with shared, edit or delete with exclusive');
  const metadata = input.metadata && encodeMetadata(input.metadata);
  const ttlMs = input.ttlMs === null ? null : input.ttlMs || defaultLeaseMs;
  return { resources, terms: { ttlMs, purpose, checksum, metadata, chronicle }, urgency };
}

function encodeMetadata(metadata: Record<string, unknown>): string {
  const text = encodeValue('metadata', metadata);
  if (Buffer.byteLength(text) <= limits.metadataBytes) return text;
  throw new RookeryError('TOO_LARGE', `metadata: at most ${limits.metadataBytes} bytes of JSON`, {
    field: 'metadata',
    limitBytes: limits.metadataBytes,
  });
}

/** Acquires, or waits in the queue, or throws LOCK_HELD: all in the transaction of the call. */
export function* acquire(context: WriteContext, input: AcquireInput): Work<Acquired> {
  const asked = askedOf(input);
  yield* context.identity();
  const [first] = asked.resources;
  const situation = (yield* situationOf(context.project, context.agent, first!.kind, first!.path))!;
  const holder = { agent: context.agent, incarnation: situation.incarnation };
  if (!isFree(situation, asked.resources)) return yield* compete(context, holder, asked, input);
  return granted(context, { rows: yield* grantTo(context, holder, asked), renewed: false, deadlock: [] });
}

/** Acquires where others hold something, or wait. */
function* compete(
  context: WriteContext,
  holder: Holder,
  asked: Asked,
  { waitMs, onDeadlock }: AcquireInput,
): Work<Acquired> {
  const over = turnover();
  const outcome = yield* attempt(context, holder, asked, over);
  const refuseDeadlock = onDeadlock === 'refuse';
  let answer: Acquired;
  if (outcome.rows) {
    if (refuseDeadlock && outcome.deadlock.length > 0) throw deadlocked(outcome.deadlock);
    answer = granted(context, outcome);
  } else {
    const { refusal } = outcome;
    if (waitMs === 0 || refusal.kind === 'own')
      throw lockHeld(yield* reasonsOf(context, holder, refusal), context.now);
    const deadlineAt = context.now + waitMs;
    answer = yield* enqueue(context, { ...asked, holder }, refusal, { deadlineAt, refuseDeadlock, over });
  }
  yield* handOver(context, over);
  return answer;
}

export interface Granted {
  readonly rows: LeaseRows;
  readonly renewed: boolean;
  readonly deadlock: readonly Cycle[];
}

/** Nothing on the one path that is asked for, no patterns that could meet it, nobody in line. */
function isFree({ taken, patterns, waiting }: Situation, resources: readonly Resource[]): boolean {
  return resources.length === 1 && resources[0]!.kind !== 'pattern' && taken + patterns + waiting === 0;
}

/**
 * Acquires for a holder, or says what stands in the way. What was set free meanwhile is in `over`: the caller hands it
 * over before the commit.
 */
export function* attempt(
  context: WriteContext,
  holder: Holder,
  asked: Asked,
  over: Turnover,
): Work<Granted | { rows?: never; refusal: Refusal }> {
  const verdict: Verdict = yield* judge(context, { holder, ...asked }, over);
  switch (verdict.kind) {
    case 'renew':
      yield* renew(context, verdict.rows, asked.terms);
      return { rows: verdict.rows, renewed: true, deadlock: [] };
    case 'upgrade':
      yield* upgrade(context, verdict.rows, asked.resources, asked.terms);
      return { rows: verdict.rows, renewed: true, deadlock: [] };
    case 'grant': {
      const rows = yield* grantTo(context, holder, asked);
      for (const { id } of verdict.overtaken) yield* countBypass(context.project, id);
      const own = yield* waitersOf(context.project, holder.agent);
      if (own.length === 0) return { rows, renewed: false, deadlock: [] };
      // With this lease, a wait of the same agent may have become a matter of its own leases.
      over.freed.push(...asked.resources);
      return { rows, renewed: false, deadlock: yield* cyclesOfGrant(context, own, rows[0].id, over) };
    }
    default:
      return { refusal: verdict };
  }
}

function grantTo(context: WriteContext, holder: Holder, { resources, terms }: Asked): Work<LeaseRows> {
  return grant(context, holder, { resources, terms, expiresAt: expiryOf(terms.ttlMs, context.now) });
}

export function granted(context: WriteContext, { rows, renewed, deadlock }: Granted): Acquired {
  return {
    state: 'granted',
    renewed,
    lease: leaseOf(rows, context.now),
    waiter: null,
    dueAt: null,
    now: context.now,
    deadlock: [...deadlock],
  };
}
