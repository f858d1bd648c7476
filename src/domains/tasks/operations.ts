import { z } from 'zod';
import { limits } from '../../kernel/limits.ts';
import { mutation, query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import * as changing from './changing.ts';
import { claimNext } from './claiming.ts';
import { errorIn } from './contents.ts';
import { createAll } from './creation.ts';
import * as edges from './graph/edges.ts';
import * as holding from './holding.ts';
import * as model from './model.ts';
import { prunePage } from './pruning.ts';
import { headOf, readable, readyTopic, shown, subjectOf } from './records.ts';
import { artifactInput } from './references.ts';
import { settleDue } from './settling.ts';
import { attemptsOf, tasksAfter } from './statements.ts';

export { claimsOf, releaseTasksOf } from './agents.ts';
export { createTask } from './creation.ts';

const held = { task: model.taskId, token: model.token };

export const create = mutation({
  name: 'tasks.create',
  summary: 'Create a task',
  description:
    'It can be claimed once every task that it depends on is settled. A dependency that closes a cycle is refused, with the cycle.',
  input: model.createInput,
  output: model.task,
  access: 'write',
  route: 'POST /api/v1/tasks',
  positional: ['title'],
  *run(context, input) {
    const [row] = yield* createAll(context, [input]);
    return yield* shown(context, row!);
  },
});

export const createMany = mutation({
  name: 'tasks.createMany',
  summary: 'Create several tasks at once, all or none',
  description: 'They may depend on each other, in any order, by the ids that the call gives them.',
  input: z.strictObject({
    tasks: z
      .array(model.createInput)
      .min(1, 'at least one task')
      .max(limits.batchItems, `at most ${limits.batchItems} tasks`),
  }),
  output: z.object({ tasks: z.array(model.taskHead) }),
  access: 'write',
  route: 'POST /api/v1/tasks-batch',
  *run(context, { tasks }) {
    return { tasks: (yield* createAll(context, tasks)).map((row) => headOf(row, context.now)) };
  },
});

export const claim = mutation({
  name: 'tasks.claim',
  summary: 'Take the next task that is ready, waiting for one if asked',
  description:
    'Ready, claim and lease in one: of all that ask, one gets the attempt, with a token that every further step needs. Null when there is nothing to do.',
  input: model.claimInput,
  output: z.object({ task: model.task, claim: model.claim }).nullable(),
  access: 'write',
  route: 'POST /api/v1/tasks-claim',
  positional: ['types'],
  run: (context, { waitMs: _, ...wanted }) => claimNext(context, wanted),
  wait: {
    timeoutMs: ({ waitMs }) => waitMs,
    topics: ({ types }) => (types.length > 0 ? types.map(readyTopic) : [readyTopic()]),
    // When a rest or a claim ends, the context says: there is no answer to say it in.
    pending: (_, output) => (output ? undefined : {}),
  },
});

export const heartbeat = mutation({
  name: 'tasks.heartbeat',
  summary: 'Keep a claim alive, up to the time limit of the attempt',
  description: 'Leaves no ledger entry. Throws FENCED once the claim is over.',
  input: z.strictObject({
    ...held,
    leaseMs: schema
      .millisecondsUpTo(limits.leaseMsMax)
      .min(1, 'at least 1')
      .optional()
      .describe('How long from now; as long as claimed for when left out'),
  }),
  output: model.claim,
  access: 'write',
  route: 'POST /api/v1/tasks/{task}/heartbeat',
  positional: ['task', 'token'],
  run: holding.heartbeat,
});

export const progress = mutation({
  name: 'tasks.progress',
  summary: 'Say how far the work on a task has come',
  input: z.strictObject({
    ...held,
    percent: model.percent,
    note: model.errorText.optional().describe('What there is to say about it'),
  }),
  output: model.taskHead,
  access: 'write',
  route: 'POST /api/v1/tasks/{task}/progress',
  positional: ['task', 'token', 'percent'],
  *run(context, input) {
    return headOf(yield* holding.progress(context, input), context.now);
  },
});

export const complete = mutation({
  name: 'tasks.complete',
  summary: 'End a task with success; what waited for it can be claimed in the same moment',
  input: z.strictObject({
    ...held,
    result: schema.json.optional().describe('Any JSON value'),
    artifacts: z
      .array(artifactInput)
      .max(limits.batchItems, `at most ${limits.batchItems} artifacts`)
      .default([])
      .describe('References to what was made'),
  }),
  output: model.task,
  access: 'write',
  route: 'POST /api/v1/tasks/{task}/complete',
  positional: ['task', 'token'],
  *run(context, input) {
    return yield* shown(context, yield* holding.complete(context, input));
  },
});

export const fail = mutation({
  name: 'tasks.fail',
  summary: 'End an attempt without success',
  description: 'The task rests, longer after each failure, and is a dead letter after the last one.',
  input: z.strictObject({
    ...held,
    error: model.errorText.describe('What went wrong'),
    retryable: z.boolean().default(true).describe('No: another attempt would be of no use'),
  }),
  output: model.task,
  access: 'write',
  route: 'POST /api/v1/tasks/{task}/fail',
  positional: ['task', 'token', 'error'],
  *run(context, input) {
    return yield* shown(context, yield* holding.fail(context, input));
  },
});

export const release = mutation({
  name: 'tasks.release',
  summary: 'Give a claimed task back; the attempt does not count',
  input: z.strictObject({
    ...held,
    delayMs: schema
      .millisecondsUpTo(limits.taskMsMax)
      .optional()
      .describe('How long it rests; not at all when left out'),
  }),
  output: model.taskHead,
  access: 'write',
  route: 'POST /api/v1/tasks/{task}/release',
  positional: ['task', 'token'],
  *run(context, input) {
    return headOf(yield* holding.release(context, input), context.now);
  },
});

export const get = query({
  name: 'tasks.get',
  summary: 'Read a task, with the history of its failed attempts',
  input: z.strictObject({ task: model.taskId }),
  output: model.task.extend({ attempts: z.array(model.attempt) }).nullable(),
  access: 'read',
  route: 'GET /api/v1/tasks/{task}',
  positional: ['task'],
  *run(context, { task }) {
    const row = yield* readable(context, task);
    if (!row) return null;
    context.noteRead(subjectOf(row));
    const attempts: model.Attempt[] = [];
    for (const each of yield* attemptsOf(
      context.project,
      task,
      row.attempt - limits.pageSize,
      limits.pageSize,
    ))
      attempts.push({
        attempt: each.attempt,
        agent: each.agent_id,
        outcome: each.outcome as model.Failing,
        startedAt: each.started_at,
        endedAt: each.ended_at,
        error: yield* errorIn(context, each),
      });
    return { ...(yield* shown(context, row)), attempts };
  },
});

export const list = query({
  name: 'tasks.list',
  summary: 'List tasks without their contents, by id',
  description: 'With status "failed": the dead letters.',
  input: z.strictObject({
    status: z.enum(model.statuses, `one of ${model.statuses.join(', ')}`).optional(),
    type: schema.name.optional().describe('Tasks of this type'),
    assignee: schema.agentId.optional().describe('Tasks that only this agent may claim'),
    holder: schema.agentId.optional().describe('Tasks that this agent has claimed'),
    createdBy: schema.agentId.optional().describe('Tasks that this agent created'),
    limit: schema.limit,
    cursor: schema.cursor,
  }),
  output: z.object({ tasks: z.array(model.taskHead), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/tasks',
  positional: ['status'],
  *run(context, { limit, cursor, status = '', type = '', assignee = '', holder = '', createdBy = '' }) {
    yield* context.identity();
    const filter = { status, type, assignee, holder, owner: createdBy };
    const page = { after: cursor, limit: limit + 1 };
    const rows = yield* tasksAfter(context.project, context.agent, context.now, filter, page);
    const tasks = rows.slice(0, limit).map((row) => headOf(row, context.now));
    return { tasks, nextCursor: rows.length > limit ? tasks.at(-1)!.id : null };
  },
});

export const update = mutation({
  name: 'tasks.update',
  summary: 'Change a task that waits, or a dead letter before it is retried',
  input: model.updateInput,
  output: model.task,
  access: 'write',
  route: 'PATCH /api/v1/tasks/{task}',
  positional: ['task'],
  *run(context, input) {
    return yield* shown(context, yield* changing.update(context, input));
  },
});

export const cancel = mutation({
  name: 'tasks.cancel',
  summary: 'Call a task off; a claim on it is void from then on',
  input: z.strictObject({
    task: model.taskId,
    reason: model.errorText.default('cancelled').describe('Why; kept with the task'),
  }),
  output: model.task,
  access: 'write',
  route: 'POST /api/v1/tasks/{task}/cancel',
  positional: ['task', 'reason'],
  *run(context, { task, reason }) {
    return yield* shown(context, yield* changing.cancel(context, task, reason));
  },
});

export const retry = mutation({
  name: 'tasks.retry',
  summary: 'Give a dead letter all its attempts again',
  input: z.strictObject({ task: model.taskId }),
  output: model.task,
  access: 'write',
  route: 'POST /api/v1/tasks/{task}/retry',
  positional: ['task'],
  *run(context, { task }) {
    return yield* shown(context, yield* changing.retry(context, task));
  },
});

export const addDependency = mutation({
  name: 'tasks.addDependency',
  summary: 'Make a task wait for another one',
  description:
    'With the token of a claim, its holder can make a task wait that it works on: the claim ends and does not count.',
  input: z.strictObject({
    task: model.taskId,
    dependsOn: model.taskId.describe('The task to wait for'),
    onFailure: model.policy,
    token: model.token.optional(),
  }),
  output: model.task,
  access: 'write',
  route: 'PUT /api/v1/tasks/{task}/dependencies/{depends_on}',
  positional: ['task', 'dependsOn'],
  *run(context, input) {
    return yield* shown(context, yield* edges.addDependency(context, input));
  },
});

export const removeDependency = mutation({
  name: 'tasks.removeDependency',
  summary: 'Let a task wait for another one no longer',
  input: z.strictObject({ task: model.taskId, dependsOn: model.taskId.describe('The task it waits for') }),
  output: model.task,
  access: 'write',
  route: 'DELETE /api/v1/tasks/{task}/dependencies/{depends_on}',
  positional: ['task', 'dependsOn'],
  *run(context, { task, dependsOn }) {
    return yield* shown(context, yield* edges.removeDependency(context, task, dependsOn));
  },
});

export const sweep = mutation({
  name: 'tasks.sweep',
  summary: 'End claims that ran out',
  description: 'Tidies a page; nothing depends on it: whoever claims next decides what is over.',
  input: z.strictObject({ limit: schema.limit }),
  output: z.object({ expired: z.int(), dead: z.int(), more: z.boolean() }),
  access: 'write',
  route: 'POST /api/v1/tasks-sweep',
  *run(context, { limit }) {
    yield* context.caretaker();
    return yield* settleDue(context, limit);
  },
});

export const prune = mutation({
  name: 'tasks.prune',
  summary: 'Forget tasks that ended long ago, with their attempts and references to artifacts',
  description:
    'Completed, cancelled and failed ones, dead letters included; none that another task still waits for. Their ledger entries stay. Looks at a page; call again with "nextCursor" until it is null.',
  input: z.strictObject({
    olderThanMs: schema.olderThanMs(90),
    limit: schema.limit,
    cursor: schema.cursor,
  }),
  output: z.object({ pruned: z.int(), nextCursor: z.string().nullable() }),
  access: 'admin',
  route: 'POST /api/v1/tasks-prune',
  *run(context, { olderThanMs, ...page }) {
    return yield* prunePage(context, { ...page, before: Math.max(0, context.now - olderThanMs) });
  },
});
