import type { z } from 'zod';
import { type Identity, levelOf, scopeFor } from '../../kernel/access/model.ts';
import { Denial, type WriteContext } from '../../kernel/context.ts';
import { invalid, RookeryError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import { parse } from '../../kernel/parse.ts';
import type { Work } from '../../kernel/work.ts';
import { encodeMetadata, encodePart, type Said, storeSaid } from './contents.ts';
import { inOrder } from './graph/cycles.ts';
import { dependable } from './graph/edges.ts';
import { fallWith, spread, verdictOn } from './graph/spreading.ts';
import { addEdge } from './graph/statements.ts';
import { type CreateInput, createInput, cycleError, laneOf, placeOf, type Task } from './model.ts';
import { announce, recordTask, shown, subjectOf } from './records.ts';
import { addTask, type TaskRow } from './statements.ts';

/** Tasks coming into being. */

/**
 * A new task, in the caller's transaction, for other domains: the same fields, defaults and refusals as `tasks.create`.
 */
export function* createTask(context: WriteContext, input: z.input<typeof createInput>): Work<Task> {
  const [row] = yield* createAll(context, [parse(createInput, input) as CreateInput]);
  return yield* shown(context, row!);
}

/** All or none, in one transaction; answered in the order in which they were given. */
export function* createAll(context: WriteContext, inputs: readonly CreateInput[]): Work<TaskRow[]> {
  const identity = yield* context.identity();
  const field = (i: number, name: string) => (inputs.length > 1 ? `tasks.${i}.${name}` : name);
  const drafts = inputs.map((input, i) => draftOf(input, input.id ?? context.newId('task'), i, field));
  assertBounds(drafts);
  const seen = new Set<string>();
  for (const { id, field: at } of drafts) {
    if (seen.has(id)) throw invalid(at('id'), 'an id that no other task of the call has');
    seen.add(id);
  }
  const ordered = inOrder(
    drafts,
    { id: ({ id }) => id, dependsOn: ({ input }) => input.dependsOn.map(({ task }) => task) },
    'dependsOn',
  );
  const rows = new Map<string, TaskRow>();
  for (const draft of ordered) rows.set(draft.id, yield* insert(context, identity, draft));
  return drafts.map(({ id }) => rows.get(id)!);
}

/** A task that was checked as far as that is possible without looking at the store. */
interface Draft {
  readonly id: string;
  readonly input: CreateInput;
  readonly said: Said;
  readonly field: (name: string) => string;
}

function draftOf(
  input: CreateInput,
  id: string,
  i: number,
  field: (i: number, name: string) => string,
): Draft {
  const at = (name: string) => field(i, name);
  const names = input.dependsOn.map(({ task }) => task);
  if (names.includes(id)) throw cycleError(at('dependsOn'), [id, id]);
  if (new Set(names).size < names.length) throw invalid(at('dependsOn'), 'each task once');
  const said = {
    description: input.description ?? null,
    payload: encodePart(at('payload'), input.payload),
    metadata: encodeMetadata(input.metadata),
  };
  return { id, input, said, field: at };
}

function assertBounds(drafts: readonly Draft[]): void {
  const bytes = drafts.reduce(
    (sum, { said }) => sum + (said.payload?.length ?? 0) + (said.description?.length ?? 0),
    0,
  );
  if (bytes <= limits.batchBytes) return;
  const details = { field: 'tasks', limitBytes: limits.batchBytes };
  throw new RookeryError('TOO_LARGE', `tasks: at most ${limits.batchBytes} bytes together`, details);
}

function* insert(context: WriteContext, identity: Identity, draft: Draft): Work<TaskRow> {
  const { id, input } = draft;
  const scope = scopeFor(identity, input.level, input.audience);
  yield* assertMayCreate(context, identity, { id, scope });
  const others = new Map<string, TaskRow>();
  for (const { task } of input.dependsOn) others.set(task, yield* dependable(context, task));
  const edges = input.dependsOn.map(({ task, onFailure }) => {
    const verdict = verdictOn(others.get(task)!.status, onFailure);
    return { depends_on: task, task_id: id, on_failure: onFailure, verdict };
  });
  const isOpen = edges.some(({ verdict }) => verdict !== 'settled');
  const row = yield* rowOf(context, draft, scope, isOpen);
  for (const { verdict, ...edge } of edges)
    yield* addEdge(context.project, { ...edge, settled: verdict === 'settled' ? 1 : 0 }, context.now);
  row.seq = yield* recordTask(context, row, 'tasks.create', 0);
  if ((yield* addTask(context.project, row)) !== 1) {
    throw new RookeryError('REVISION_CONFLICT', `there is a task ${id} already`, { task: id });
  }
  announce(context, row);
  const doom = edges.find(({ verdict }) => verdict === 'spreads');
  if (!doom) return row;
  const fallen = yield* fallWith(context, row, others.get(doom.depends_on)!);
  yield* spread(context, fallen);
  return fallen;
}

function* assertMayCreate(
  context: WriteContext,
  identity: Identity,
  { id, scope }: { id: string; scope: string },
): Work<void> {
  // Nobody owns it yet: only members of the audience, and those a grant lets write there.
  if (yield* context.may(identity, 'write', 'tasks', { scope, owner: '', path: id })) return;
  const level = levelOf(scope);
  const message = `${context.agent} may not create tasks for this ${level} audience`;
  throw new Denial('FORBIDDEN', message, subjectOf({ id, scope }), { level });
}

/** No further off than a task may be put. */
function readyAtOf({ now }: WriteContext, { input, field }: Draft): number {
  const latest = now + limits.taskMsMax;
  const readyAt = Math.max(input.readyAt ?? now, now);
  if (readyAt > latest) throw invalid(field('readyAt'), `a time up to ${latest}, in milliseconds`);
  return readyAt;
}

function* rowOf(context: WriteContext, draft: Draft, scope: string, isOpen: boolean): Work<TaskRow> {
  const { id, input, said } = draft;
  const { now, agent } = context;
  const capabilities = [...new Set(input.capabilities)].sort();
  const readyAt = readyAtOf(context, draft);
  const stored = yield* storeSaid(context, { id, scope, revision: 1 }, said, input.encrypt);
  const when = isOpen
    ? { status: 'blocked' as const, ready_at: readyAt > now ? readyAt : null, due_at: null, place: 0 }
    : {
        status: 'pending' as const,
        ready_at: readyAt,
        due_at: readyAt > now ? readyAt : null,
        place: placeOf(input.priority, readyAt),
      };
  return {
    id,
    title: input.title,
    type: input.type,
    ...when,
    ...stored,
    priority: input.priority,
    progress: 0,
    assigned_to: input.assignee,
    capabilities: JSON.stringify(capabilities),
    lane: laneOf({ assignee: input.assignee, scope, type: input.type, capabilities }),
    level: levelOf(scope),
    scope,
    owner: agent,
    author: agent,
    revision: 1,
    seq: 0,
    attempt: 0,
    failures: 0,
    redrives: 0,
    max_attempts: input.maxAttempts,
    backoff_ms: input.backoffMs,
    time_limit_ms: input.timeLimitMs,
    lease_ms: 0,
    token: 0,
    claimed_by: null,
    incarnation: 0,
    claimed_at: null,
    dependencies: input.dependsOn.length,
    created_at: now,
    updated_at: now,
    completed_at: null,
    result: null,
    result_sealed: null,
    note: null,
    note_sealed: null,
  };
}
