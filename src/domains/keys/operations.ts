import { z } from 'zod';
import type { ReadContext } from '../../kernel/context.ts';
import { limits } from '../../kernel/limits.ts';
import { inOneSnapshot, mutation, query, type Steps } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import { keysTopic } from '../../kernel/vault/reencryption.ts';
import { rootKeyFromText } from '../../kernel/vault/root.ts';
import {
  erasureById,
  erasuresOf,
  pendingErasures,
  rotationOf,
} from '../../kernel/vault/rotation-statements.ts';
import { keysAfter } from '../../kernel/vault/statements.ts';
import { keyStates } from '../../kernel/vault/states.ts';
import type { Work } from '../../kernel/work.ts';
import { recordsByKey } from './counting.ts';
import { eraseAgent } from './erasure.ts';
import * as model from './model.ts';
import { retireKey } from './retirement.ts';
import { replaceRoot, rotateData } from './rotation.ts';

const listInput = z.strictObject({
  state: z
    .enum(keyStates, `one of ${keyStates.join(', ')}`)
    .optional()
    .describe('Only keys in this state'),
  scope: model.scope.optional(),
  limit: schema.limit,
  cursor: schema.cursor,
});
const listOutput = z.object({ keys: z.array(model.key), nextCursor: z.string().nullable() });

export const list = query({
  name: 'keys.list',
  summary: 'List the keys of the project: their states, and how many records are under each',
  description: 'Never what is in them. Counting looks through everything that is stored, a page at a time.',
  input: listInput,
  output: listOutput,
  access: 'admin',
  route: 'GET /api/v1/keys',
  run: (context, input) => inOneSnapshot(listing(context, input)),
  steps: (context, input) => listing(context, input),
});

function* listing(
  context: ReadContext,
  { state, scope, limit, cursor }: z.output<typeof listInput>,
): Steps<z.output<typeof listOutput>> {
  const counts = yield* recordsByKey(context);
  let answer: z.output<typeof listOutput> = { keys: [], nextCursor: null };
  yield function* () {
    const rows = yield* keysAfter(context.project, cursor, { state, scope }, limit + 1);
    const page = rows.slice(0, limit);
    answer = {
      keys: page.map((row) => model.keyView(row, counts.get(row.id) ?? 0)),
      nextCursor: rows.length > limit ? page.at(-1)!.id : null,
    };
  };
  return answer;
}

export const rotate = mutation({
  name: 'keys.rotate',
  summary:
    'Replace keys: new ones at once for what is written, and old records are sealed anew in the background',
  description:
    'Without a scope, all data keys of the project and the key above them. With "root", the root key alone unless "scope" or "all" is given too: keys are wrapped again and no record is touched; a store that was opened with a master key of its own needs the new one. Backups made before a new root key open with the old one only.',
  input: z.strictObject({
    scope: model.scope.optional(),
    all: z.boolean().default(false).describe('All data keys of the project, also beside the root key'),
    root: z.boolean().default(false).describe('The root key of the store'),
    masterKey: z
      .string('text')
      .max(256)
      .optional()
      .describe('The new root key: 32 bytes in base64. Made where a file keeps it'),
    reason: model.reason,
  }),
  output: z.object({
    rotated: z.array(z.object({ scope: z.string(), from: z.string(), to: z.string() })),
    root: z.boolean().describe('Whether the root key was replaced'),
    rotation: model.rotation.nullable().describe('How far sealing anew is; follow it with keys.status'),
  }),
  access: 'admin',
  risk: 'critical',
  route: 'POST /api/v1/keys/rotate',
  positional: ['scope'],
  *run(context, { scope, all, root, masterKey, reason }) {
    yield* context.identity();
    if (root) yield* replaceRoot(context, masterKey === undefined ? undefined : rootKeyFromText(masterKey));
    const data = scope !== undefined || all || !root;
    const rotated = data ? yield* rotateData(context, scope, reason) : [];
    const rotation = yield* rotationOf(context.project);
    return { rotated, root, rotation: rotation ? model.rotationView(rotation) : null };
  },
});

const standing = z.object({
  rotation: model.rotation.nullable(),
  erasures: z.array(model.receipt).describe('The newest ones, and all that are pending'),
  trouble: z
    .string()
    .nullable()
    .describe('Why the process that was asked could not go on, the last time it tried'),
});

export const status = query({
  name: 'keys.status',
  summary: 'Tell how far a rotation and the erasures are, and see to it that they go on',
  input: z.strictObject({ waitMs: schema.waitMs }),
  output: standing,
  access: 'admin',
  route: 'GET /api/v1/keys/status',
  run: (context) => standingOf(context),
  wait: {
    timeoutMs: ({ waitMs }) => waitMs,
    topics: () => [keysTopic],
    pending: (_, output) => (isFinished(output) ? undefined : {}),
  },
});

function* standingOf(context: ReadContext): Work<z.output<typeof standing>> {
  const row = yield* rotationOf(context.project);
  const newest = yield* erasuresOf(context.project, 100);
  const pending = yield* pendingErasures(context.project);
  const rows = new Map([...newest, ...pending].map((erasure) => [erasure.id, erasure]));
  const output = {
    rotation: row ? model.rotationView(row) : null,
    erasures: [...rows.values()].map(model.receiptView),
    trouble: context.vault.trouble(context.project) ?? null,
  };
  if (!isFinished(output)) context.vault.wake(context.project);
  return output;
}

function isFinished({
  rotation,
  erasures,
}: Pick<z.output<typeof standing>, 'rotation' | 'erasures'>): boolean {
  return rotation?.state !== 'running' && erasures.every(({ state }) => state === 'done');
}

export const retire = mutation({
  name: 'keys.retire',
  summary: 'Retire a key that is not in use any more, or have a compromised one replaced at once',
  description:
    'Refused while records are under it; "compromised" marks it at once instead, replaces it where it is in use, and seals its records anew, after which it ends by itself.',
  input: z.strictObject({
    id: model.keyId,
    compromised: z.boolean().default(false).describe('Somebody else may have it'),
    reason: model.reason,
  }),
  output: model.key.nullable(),
  access: 'admin',
  risk: 'critical',
  route: 'POST /api/v1/keys/{id}/retire',
  positional: ['id'],
  *run(context, input) {
    yield* context.identity();
    return (yield* retireKey(context, input)) ?? null;
  },
});

const eraseWaitMs = 10_000;

export const erase = mutation({
  name: 'keys.erase',
  summary: 'Erase an agent: destroy its own keys, and with them everything that is its own',
  description:
    'What lies in the private audience of the agent, and in the one it has instead of a team, is removed with all history, and its keys are destroyed, so that nobody can guess contents from the ledger either. The receipt is pending until the database log holds nothing of it; it says what the erasure does not reach.',
  input: z.strictObject({
    agent: schema.agentId.describe('Whose data is to go'),
    owned: z.boolean().default(false).describe('Also what it owns in wider audiences'),
    reason: model.reason,
    waitMs: schema
      .millisecondsUpTo(limits.waitMsMax)
      .default(eraseWaitMs)
      .describe('How long to wait for the receipt to be final, in milliseconds'),
  }),
  output: model.receipt.nullable(),
  access: 'admin',
  risk: 'critical',
  route: 'POST /api/v1/keys/erase',
  positional: ['agent'],
  *run(context, input) {
    yield* context.identity();
    return (yield* eraseAgent(context, input)) ?? null;
  },
  wait: {
    timeoutMs: ({ waitMs }) => waitMs,
    topics: () => [keysTopic],
    begins: true,
    pending: (_, output) => (output?.state === 'pending' ? {} : undefined),
    *poll(context, _, output) {
      const row = output && (yield* erasureById(context.project, output.id));
      return row ? model.receiptView(row) : output;
    },
  },
});
