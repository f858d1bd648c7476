import { z } from 'zod';
import type { WriteContext } from '../../kernel/context.ts';
import { invalid } from '../../kernel/errors.ts';
import { signCheckpoint } from '../../kernel/ledger/checkpoints.ts';
import { encodeBase64 } from '../../kernel/ledger/encoding.ts';
import { ledgerTopic } from '../../kernel/ledger/entry.ts';
import { formatReceipt } from '../../kernel/ledger/receipt.ts';
import { type CheckpointRow, checkpointCovering, entriesAfter } from '../../kernel/ledger/statements.ts';
import { consistencyPath, inclusionPath, rootAt } from '../../kernel/ledger/stored.ts';
import { verifyLedger } from '../../kernel/ledger/verify.ts';
import { limits } from '../../kernel/limits.ts';
import { inOneSnapshot, mutation, query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import type { Work } from '../../kernel/work.ts';
import { follow } from './feed.ts';
import * as model from './model.ts';
import { entryOf, ledgerSize } from './statements.ts';

/** Checkpoints are about the ledger, not in it: signing one appends no entry, or no size could be signed twice. */
function* sign(context: WriteContext): Work<CheckpointRow> {
  const { log, keyring } = context.ledger;
  return yield* signCheckpoint(context.project, {
    log,
    authenticate: keyring.authenticate,
    now: context.now,
  });
}

export const checkpoint = mutation({
  name: 'audit.checkpoint',
  summary: 'Sign the ledger as it is now',
  description:
    'Answers a C2SP signed note over the number of entries and the root over them. The same size has one note. Keep a copy elsewhere: it shows any later rollback of the whole store.',
  input: z.strictObject({}),
  output: model.checkpoint,
  access: 'read',
  route: 'POST /api/v1/audit/checkpoint',
  *run(context) {
    const { note, size, root, created_at: createdAt } = yield* sign(context);
    const origin = context.ledger.log.originOf(context.project);
    return { note, origin, size, root: encodeBase64(root), createdAt };
  },
});

export const key = query({
  name: 'audit.key',
  summary: 'Show the key that checkpoints and receipts are verified with',
  input: z.strictObject({}),
  output: z.object({
    verifierKey: z.string().describe('C2SP verifier key'),
    origin: z.string(),
    former: z.array(z.string()).describe('Verifier keys of signing keys that were replaced'),
  }),
  access: 'read',
  route: 'GET /api/v1/audit/key',
  // biome-ignore lint/correctness/useYield: the key is at hand
  *run(context) {
    const { log } = context.ledger;
    return {
      verifierKey: log.verifierKeyOf(context.project),
      origin: log.originOf(context.project),
      former: log.formerKeysOf(context.project),
    };
  },
});

export const proof = mutation({
  name: 'audit.proof',
  summary: 'Make a receipt: proof that an entry is in the ledger, verifiable offline',
  description:
    'Needs a signed checkpoint that covers the entry, and signs one if there is none yet. Answers null for an entry that is absent or that the caller may not see.',
  input: z.strictObject({ seq: model.seq }),
  output: z
    .object({
      seq: z.int(),
      entry: z.string().describe('The entry, exactly as hashed'),
      proof: z.string().describe('The receipt, c2sp.org/tlog-proof@v1'),
      size: z.int().describe('Size of the ledger that the receipt speaks of'),
    })
    .nullable(),
  access: 'read',
  route: 'POST /api/v1/audit/entries/{seq}/proof',
  positional: ['seq'],
  *run(context, input) {
    const row = yield* entryOf(context.project, input.seq);
    if (!row) return null;
    if (!(yield* maySee(context, row))) {
      context.noteDenial({ kind: 'audit', name: `entry ${input.seq}`, scope: row.scope });
      return null;
    }
    const covering = (yield* checkpointCovering(context.project, input.seq)) ?? (yield* sign(context));
    const index = input.seq - 1;
    const path = yield* inclusionPath(context.project, index, covering.size);
    const text = formatReceipt({ index: BigInt(index), path, checkpoint: covering.note });
    return { seq: input.seq, entry: row.entry, proof: text, size: covering.size };
  },
});

/** As in the feed. An administrator needs no membership; asking for it would add an entry for an agent that is new. */
function* maySee(context: WriteContext, row: { scope: string; agent_id: string }): Work<boolean> {
  if (context.principal.rights.has('admin')) return true;
  const { scopes } = yield* context.identity();
  return row.agent_id === context.agent || scopes.includes(row.scope);
}

export const consistency = query({
  name: 'audit.consistency',
  summary: 'Prove that the ledger only grew between two sizes',
  input: z.strictObject({
    oldSize: z.int('a whole number').min(1, 'at least 1').describe('The earlier size'),
    size: z.int('a whole number').min(1, 'at least 1').optional().describe('The later size; now by default'),
  }),
  output: z.object({
    oldSize: z.int(),
    size: z.int(),
    oldRoot: z.string(),
    root: z.string(),
    path: z.array(z.string()).describe('Hashes in base64, as RFC 9162 orders them'),
  }),
  access: 'read',
  route: 'GET /api/v1/audit/consistency',
  positional: ['oldSize', 'size'],
  *run(context, input) {
    const { project } = context;
    const head = (yield* ledgerSize(project))?.size ?? 0;
    const { oldSize, size = head } = input;
    if (size > head) throw invalid('size', `at most ${head}, the number of entries`);
    if (oldSize > size) throw invalid('oldSize', `at most ${size}, the later size`);
    const path = yield* consistencyPath(project, oldSize, size);
    const [oldRoot, root] = [yield* rootAt(project, oldSize), yield* rootAt(project, size)];
    return {
      oldSize,
      size,
      oldRoot: encodeBase64(oldRoot),
      root: encodeBase64(root),
      path: path.map(encodeBase64),
    };
  },
});

const exported = z.object({
  entries: z.array(z.object({ seq: z.int(), entry: z.string().describe('Exactly as hashed') })),
  next: z.int().nullable().describe('Continue from here; null at the end'),
  size: z.int().describe('Number of entries in the ledger'),
});

const exportEntries = query({
  name: 'audit.export',
  summary: 'Read the entries of the ledger exactly as hashed, in order and without gaps',
  input: z.strictObject({ from: model.position, limit: schema.limit.default(limits.pageSize) }),
  output: exported,
  access: 'admin',
  route: 'GET /api/v1/audit/entries',
  *run(context, { from, limit }) {
    const { project } = context;
    const size = (yield* ledgerSize(project))?.size ?? 0;
    const entries = (yield* entriesAfter(project, from, limit)).map(({ seq, entry }) => ({ seq, entry }));
    const last = entries.at(-1)?.seq ?? from;
    return { entries, next: last < size ? last : null, size };
  },
});

export { exportEntries as export };

export const feed = query({
  name: 'audit.feed',
  summary: 'Follow what happens, as far as the caller may see it',
  description:
    'Answers entries of the audiences the caller belongs to and its own, after a position and in order, each once and without gaps; the entries of one operation are never split. With waitMs it waits for the next ones. Continue from "next"; start from an earlier "head" to see only what is new. Sequence numbers are those of the project, so gaps between them tell that others were active.',
  input: z.strictObject({
    from: model.position,
    limit: schema.limit,
    waitMs: schema.waitMs,
    operation: model.operationFilter,
  }),
  output: model.feed,
  access: 'read',
  route: 'GET /api/v1/audit/feed',
  run: (context, input) => follow(context, input),
  wait: {
    timeoutMs: (input) => input.waitMs,
    topics: () => [ledgerTopic],
    pending: (_, { events, next, head }) =>
      events.length > 0 ? undefined : { dueInMs: next < head ? 0 : undefined },
    poll: (context, input, { next }) => follow(context, { ...input, from: next }),
  },
});

export const verify = query({
  name: 'audit.verify',
  summary: 'Verify the ledger and everything that is stored against it',
  description:
    'Re-hashes every entry, compares columns, kept hashes, head and signed checkpoints, then the stored records with what their entries say. Each contradiction is named.',
  input: z.strictObject({
    checkpoint: z
      .string('text')
      .max(1_000_000)
      .optional()
      .describe('A signed checkpoint kept elsewhere: shows a rollback of the whole store'),
  }),
  output: model.verification,
  access: 'admin',
  risk: 'low',
  route: 'POST /api/v1/audit/verify',
  run: (context, input) => inOneSnapshot(verifyLedger({ context, remembered: input.checkpoint })),
  steps: (context, input) => verifyLedger({ context, remembered: input.checkpoint }),
});
