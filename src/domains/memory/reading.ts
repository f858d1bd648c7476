import { z } from 'zod';
import { scopeFor } from '../../kernel/access/model.ts';
import type { ReadContext } from '../../kernel/context.ts';
import { invalid } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import { query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import type { Work } from '../../kernel/work.ts';
import * as items from './items.ts';
import * as model from './model.ts';
import { type ItemRow, itemIn, itemsBetween, revisionsBelow } from './statements.ts';

export const get = query({
  name: 'memory.get',
  summary: 'Read the value of a key, from the nearest audience that holds it',
  description:
    'Looks in private, team, swarm, project and system, in that order. Answers null for what is absent or forbidden.',
  input: z.strictObject({
    ...model.address,
    asOf: z.int().min(0).optional().describe('The state after this ledger sequence number'),
  }),
  output: model.item.nullable(),
  access: 'read',
  route: 'GET /api/v1/memory/{namespace}/{key}',
  positional: ['key'],
  *run(context, input) {
    const row =
      input.asOf === undefined
        ? yield* items.find(context, input)
        : yield* findAsOf(context, input, input.asOf);
    return row ? yield* items.read(context, row) : null;
  },
});

/** The revision that was current after a ledger entry. What was pruned from the history is absent. */
function* findAsOf(context: ReadContext, address: items.Address, asOf: number): Work<ItemRow | undefined> {
  const identity = yield* context.identity();
  const candidates =
    address.level === undefined ? identity.scopes : [scopeFor(identity, address.level, address.audience)];
  for (const scope of candidates) {
    const { namespace, key } = address;
    const row = yield* itemIn(context.project, namespace, key, scope);
    if (!row) continue;
    if (
      !(yield* context.may(identity, 'read', 'memory', {
        scope,
        owner: row.owner,
        path: `${namespace}/${key}`,
      }))
    )
      continue;
    const [then] =
      row.seq <= asOf
        ? [row]
        : yield* revisionsBelow(context.project, namespace, key, scope, row.revision, asOf, 1);
    if (then && then.deleted === 0) return then;
  }
  return undefined;
}

export const has = query({
  name: 'memory.has',
  summary: 'Tell whether a key can be read',
  input: z.strictObject(model.address),
  output: z.object({ exists: z.boolean() }),
  access: 'read',
  route: 'GET /api/v1/memory-exists/{namespace}/{key}',
  positional: ['key'],
  *run(context, input) {
    const row = yield* items.find(context, input);
    if (row) context.noteRead(items.subjectOf(row.namespace, row.key, row.scope));
    return { exists: row !== undefined };
  },
});

const keysInput = z.strictObject({
  namespace: model.namespace,
  pattern: z
    .string()
    .max(limits.nameLength)
    .default('*')
    .describe('Glob over keys: * for any run of characters, ? for one'),
  level: model.address.level,
  audience: model.address.audience,
  limit: schema.limit,
  cursor: schema.cursor,
});

export const keys = query({
  name: 'memory.keys',
  summary: 'List the keys that can be read, each once, in order',
  input: keysInput,
  output: z.object({ keys: z.array(model.itemHead), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/memory/{namespace}',
  positional: ['pattern'],
  *run(context, input) {
    const identity = yield* context.identity();
    if (input.audience !== undefined && input.level === undefined)
      throw invalid('level', 'required with an audience');
    const scope = input.level === undefined ? '' : scopeFor(identity, input.level, input.audience);
    const { prefix, matches } = model.keyPattern(input.pattern);
    const found = new Map<string, Omit<ItemRow, 'value' | 'sealed'>>();
    let after = input.cursor;
    for (;;) {
      const range = { from: prefix, after, to: `${prefix}\u{10ffff}` };
      const page = yield* itemsBetween(
        context.project,
        context.agent,
        input.namespace,
        range,
        scope,
        context.now,
        limits.pageSize,
      );
      for (const row of page) {
        if (!matches(row.key)) continue;
        const known = found.get(row.key);
        if (!known && found.size === input.limit) {
          return finish(found, [...found.keys()].at(-1)!);
        }
        if (!known || nearer(identity.scopes, row.scope, known.scope)) found.set(row.key, row);
      }
      if (page.length < limits.pageSize) return finish(found, null);
      after = page.at(-1)!.key;
    }
  },
});

function finish(found: Map<string, Omit<ItemRow, 'value' | 'sealed'>>, nextCursor: string | null) {
  return { keys: [...found.values()].map(items.headOf), nextCursor };
}

/** Whether scope `a` comes before `b` in the agent's order of lookup; scopes opened by a grant come last. */
function nearer(own: readonly string[], a: string, b: string): boolean {
  const rank = (scope: string) => (own.includes(scope) ? own.indexOf(scope) : own.length);
  return rank(a) < rank(b);
}

export const mget = query({
  name: 'memory.mget',
  summary: 'Read several keys at once, in one consistent state',
  input: z.strictObject({
    ...model.address,
    key: z.undefined().optional(),
    keys: z.array(schema.name).min(1).max(limits.batchItems, `at most ${limits.batchItems} keys`),
  }),
  output: z.object({ values: z.array(model.item.nullable()) }),
  access: 'read',
  route: 'POST /api/v1/memory-mget',
  positional: ['keys'],
  *run(context, { keys: wanted, ...address }) {
    const values: (model.Item | null)[] = [];
    for (const key of wanted) {
      const row = yield* items.find(context, { ...address, key });
      values.push(row ? yield* items.read(context, row) : null);
    }
    return { values };
  },
});

export const history = query({
  name: 'memory.history',
  summary: 'Read the revisions of a key, newest first',
  description: `Keeps the last ${limits.historyRevisions} superseded revisions of each key.`,
  input: z.strictObject({
    ...model.address,
    level: model.writing.level,
    before: z.int().min(1).optional().describe('Revisions below this one'),
    limit: schema.limit,
  }),
  output: z.object({
    revisions: z.array(model.item.extend({ author: z.string(), deleted: z.boolean() })),
  }),
  access: 'read',
  route: 'GET /api/v1/memory/{namespace}/{key}/history',
  positional: ['key'],
  *run(context, input) {
    const identity = yield* context.identity();
    const { namespace, key, before = Number.MAX_SAFE_INTEGER } = input;
    const scope = scopeFor(identity, input.level, input.audience);
    const current = yield* itemIn(context.project, namespace, key, scope);
    const guarded = { scope, owner: current?.owner ?? '', path: `${namespace}/${key}` };
    if (!(yield* context.may(identity, 'read', 'memory', guarded))) {
      context.noteDenial(items.subjectOf(namespace, key, scope));
      return { revisions: [] };
    }
    if (!current) return { revisions: [] };
    const older = yield* revisionsBelow(
      context.project,
      namespace,
      key,
      scope,
      Math.min(before, current.revision),
      Number.MAX_SAFE_INTEGER,
      input.limit,
    );
    const rows = (current.revision < before ? [current, ...older] : older).slice(0, input.limit);
    const revisions = [];
    for (const row of rows) {
      const value: unknown = row.deleted ? null : JSON.parse(yield* items.contentOf(context, row));
      revisions.push({ ...items.headOf(row), value, author: row.author, deleted: row.deleted === 1 });
    }
    context.noteRead(items.subjectOf(namespace, key, scope));
    return { revisions };
  },
});
