import { scopes } from '../../../kernel/access/model.ts';
import type { Subject, WriteContext } from '../../../kernel/context.ts';
import { RookeryError } from '../../../kernel/errors.ts';
import { encodeValue } from '../../../kernel/json.ts';
import { limits } from '../../../kernel/limits.ts';
import type { Work } from '../../../kernel/work.ts';
import { dropWork, putWork, type WorkRow, workAfter, workCount, workItem } from './statements.ts';

/** Open work of a coordinator: what its successor goes on with. */

const itemsMax = 10_000;
const pageSize = 500;

export function workSubject(id: string): Subject {
  return { kind: 'coordinator-work', name: id, scope: scopes.project };
}

/** What an entry of a piece of work commits to; verification makes it again from the row. */
export function workText(row: WorkRow): string {
  return `${row.coordinator_id}\n${row.item}\n${row.status}\n${row.created_at}\n${row.transferred_from ?? ''}
${row.transferred_at ?? ''}\n${row.payload}`;
}

export function* assignWork(
  context: WriteContext,
  coordinator: string,
  item: string,
  payload: unknown,
): Work<WorkRow> {
  const { project, now } = context;
  const known = yield* workItem(project, coordinator, item);
  if (!known && (yield* workCount(project, coordinator))!.n >= itemsMax)
    throw new RookeryError('LIMIT_REACHED', `a coordinator has at most ${itemsMax} pieces of work`, {
      coordinator,
    });
  const row: WorkRow = {
    id: known?.id ?? context.newId('work'),
    coordinator_id: coordinator,
    item,
    status: known?.status ?? 'open',
    payload: encodePayload(payload),
    created_at: known?.created_at ?? now,
    transferred_from: known?.transferred_from ?? null,
    transferred_at: known?.transferred_at ?? null,
    seq: 0,
  };
  return yield* put(context, row);
}

function encodePayload(payload: unknown): string {
  const text = encodeValue('payload', payload);
  if (Buffer.byteLength(text) <= limits.metadataBytes) return text;
  throw new RookeryError('TOO_LARGE', `payload: at most ${limits.metadataBytes} bytes of JSON`, {
    field: 'payload',
    limitBytes: limits.metadataBytes,
  });
}

function* put(context: WriteContext, row: WorkRow): Work<WorkRow> {
  const stored = { ...row, seq: yield* context.record(workSubject(row.id), { content: workText(row) }) };
  yield* putWork(context.project, stored);
  context.tx.touch(`coordinators/${row.coordinator_id}`);
  return stored;
}

export function* finishWork(context: WriteContext, coordinator: string, item: string): Work<boolean> {
  const row = yield* workItem(context.project, coordinator, item);
  if (!row) return false;
  yield* forget(context, row);
  return true;
}

function* forget(context: WriteContext, row: WorkRow): Work<void> {
  yield* dropWork(context.project, row.id);
  yield* context.record(workSubject(row.id), { revision: [1, 2], facts: { deleted: 1 } });
  context.tx.touch(`coordinators/${row.coordinator_id}`);
}

/** All open work to another coordinator; a name that is taken there gets the one it comes from behind it. */
export function* moveWork(context: WriteContext, from: string, to: string): Work<number> {
  let moved = 0;
  for (let after = ''; ; ) {
    const page = yield* workAfter(context.project, from, after, pageSize);
    for (const row of page) {
      yield* put(context, {
        ...row,
        coordinator_id: to,
        item: yield* freeName(context, to, row.item, from),
        status: 'transferred',
        transferred_from: from,
        transferred_at: context.now,
      });
      moved++;
    }
    if (page.length < pageSize) return moved;
    after = page.at(-1)!.item;
  }
}

function* freeName(context: WriteContext, to: string, item: string, from: string): Work<string> {
  let name = item;
  for (let n = 1; yield* workItem(context.project, to, name); n++)
    name = n === 1 ? `${item}@${from}` : `${item}@${from}#${n}`;
  return name;
}

/** Answers how many pieces of work are forgotten with their coordinator. */
export function* forgetWork(context: WriteContext, coordinator: string): Work<number> {
  let forgotten = 0;
  for (;;) {
    const page = yield* workAfter(context.project, coordinator, '', pageSize);
    for (const row of page) yield* forget(context, row);
    forgotten += page.length;
    if (page.length < pageSize) return forgotten;
  }
}
