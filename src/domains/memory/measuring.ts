import { z } from 'zod';
import { scopes } from '../../kernel/access/model.ts';
import type { ReadContext } from '../../kernel/context.ts';
import { inOneSnapshot, query, type Steps } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import type { Work } from '../../kernel/work.ts';
import * as items from './items.ts';
import * as model from './model.ts';
import { type MeasuredRow, measuredAfter } from './statements.ts';

export const strlen = query({
  name: 'memory.strlen',
  summary: 'Tell how long the text under a key is',
  description:
    'In UTF-16 units, as append counts. Of a value that is no text, its JSON text; 0 for what is absent or forbidden.',
  input: z.strictObject(model.address),
  output: z.object({ length: z.int() }),
  access: 'read',
  route: 'GET /api/v1/memory/{namespace}/{key}/strlen',
  positional: ['key'],
  *run(context, input) {
    const row = yield* items.find(context, input);
    if (!row) return { length: 0 };
    const { value } = yield* items.read(context, row);
    return { length: typeof value === 'string' ? value.length : JSON.stringify(value).length };
  },
});

const statistics = z.object({
  entries: z.int(),
  sizeBytes: z.int().describe('Values as they are stored: compressed and encrypted'),
  accesses: z.int().describe('Reads of these values'),
  withTtl: z.int(),
  compressed: z.int(),
  encrypted: z.int(),
});
type Statistics = z.output<typeof statistics>;

/** Rows a snapshot looks at: a few milliseconds. */
const stretch = 2000;

export const stats = query({
  name: 'memory.stats',
  summary: 'Count the keys that can be read, and what is known of their values',
  description:
    'With the right "admin", all keys of the project. Looks at every row in many short reads, so on a busy store the sums are of no single moment. Reads are counted in memory and written once a minute: a process that was killed has lost some.',
  input: z.strictObject({ namespace: schema.name.optional().describe('All of them when left out') }),
  output: statistics,
  access: 'read',
  route: 'GET /api/v1/memory-stats',
  positional: ['namespace'],
  run: (context, input) => inOneSnapshot(measure(context, input)),
  steps: (context, input) => measure(context, input),
});

function* measure(
  context: ReadContext,
  input: { readonly namespace?: string | undefined },
): Steps<Statistics> {
  const everything = context.principal.rights.has('admin');
  const { project, agent, now } = context;
  const asked = { project, agent, now, namespace: input.namespace ?? '', everything };
  const sums = { entries: 0, sizeBytes: 0, accesses: 0, withTtl: 0, compressed: 0, encrypted: 0 };
  let after: Place | undefined = { namespace: '', key: '', scope: '' };
  yield () => begin(context, everything);
  while (after) {
    const from: Place = after;
    yield function* (): Work<void> {
      const rows = yield* measuredAfter(asked, from, stretch);
      for (const row of rows) if (row.counted === 1) add(context, sums, row);
      after = rows.length === stretch ? rows.at(-1) : undefined;
    };
  }
  return sums;
}

type Place = Pick<MeasuredRow, 'namespace' | 'key' | 'scope'>;

/** A caller that is new is noticed, and an administrator who counts what others keep leaves a trace. */
function* begin(context: ReadContext, everything: boolean): Work<void> {
  yield* context.identity();
  if (everything) context.noteRead({ kind: 'memory', name: 'statistics', scope: scopes.system });
}

function add(context: ReadContext, sums: Statistics, row: MeasuredRow): void {
  sums.entries++;
  sums.sizeBytes += row.bytes;
  sums.accesses += row.access_count + context.pendingAccesses(items.recordOf(row));
  sums.withTtl += row.expires;
  if (row.envelope?.[0]) sums.encrypted++;
  if (row.envelope?.[1]) sums.compressed++;
}
