import { hash } from 'node:crypto';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { defaultLeaseMs } from '../../domains/locks/model.ts';
import * as locks from '../../domains/locks/operations.ts';
import * as mail from '../../domains/mail/operations.ts';
import * as memory from '../../domains/memory/operations.ts';
import { invalid, isRookeryError, RookeryError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import type { SquawkAdapter } from './adapter/adapter.ts';
import { type Fields, jsonOf, known } from './adapter/calls.ts';
import { isRecord } from './exchange.ts';
import { newEventOf } from './mailboxes.ts';

export const legacyName = 'squawk.json';

/** What the file may hold; each part a record by id, events also as one array or as arrays by mailbox. */
interface Legacy {
  readonly mailboxes: readonly Entry[];
  readonly events: readonly Entry[];
  readonly cursors: readonly Entry[];
  readonly locks: readonly Entry[];
}

/** One record of the file and where it stands there. */
interface Entry {
  readonly name: string;
  readonly id: string;
  readonly fields: Fields;
}

/**
 * Takes over the JSON file of Squawk's first versions, in one transaction: ids and times are kept, locks that have run
 * out arrive as expired. Then the file is renamed; a failure leaves file and database as they were and names the record.
 * A file that was taken over by another process, or by one that ended before it could rename it, is not read twice.
 */
export async function importLegacy(adapter: SquawkAdapter, file: string): Promise<void> {
  if (!existsSync(file)) return;
  await adapter.beginTransaction();
  try {
    if (existsSync(file)) await takeOver(adapter, readFileSync(file, 'utf8'), file);
  } catch (error) {
    await adapter.rollbackTransaction();
    throw error;
  }
  await adapter.commitTransaction();
  moveAway(file);
}

function moveAway(file: string): void {
  try {
    renameSync(file, `${file}.backup`);
  } catch (error) {
    // Another process took the same file over and was quicker.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

async function takeOver(adapter: SquawkAdapter, text: string, file: string): Promise<void> {
  const mark = { namespace: 'squawk', key: `import/${hash('sha256', text)}`, level: 'private' };
  if (await adapter.as()(memory.get, mark)) return;
  const legacy = parse(text, file);
  for (const entry of legacy.mailboxes)
    await named(entry, file, adapter.mailboxes.create({ id: entry.id, ...timesOf(entry.fields) }));
  for (const batch of batchesOf(legacy.events)) await takeEvents(adapter, batch, file);
  for (const entry of legacy.mailboxes) {
    // Appending has moved it.
    if (known(entry.fields['updated_at']) !== undefined)
      await named(entry, file, adapter.mailboxes.update(entry.id, timesOf(entry.fields)));
  }
  for (const entry of legacy.cursors) await named(entry, file, takeCursor(adapter, entry));
  for (const entry of legacy.locks) await named(entry, file, takeLock(adapter, entry));
  const counts = Object.fromEntries(Object.entries(legacy).map(([part, entries]) => [part, entries.length]));
  await adapter.as()(memory.set, { ...mark, value: counts });
}

/** What a step fails with names the record that it was about. */
async function named<T>(entry: Entry, file: string, step: Promise<T>): Promise<T> {
  return await step.catch((cause: unknown) => {
    throw failure(file, entry.name, cause);
  });
}

function failure(file: string, name: string, cause: unknown): RookeryError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new RookeryError('INVALID_INPUT', `${file}: ${name}: ${why}`, { field: name }, { cause });
}

function timesOf(fields: Fields) {
  return { created_at: text(fields, 'created_at'), updated_at: text(fields, 'updated_at') };
}

interface Batch {
  readonly stream: string;
  readonly entries: Entry[];
}

/** Neighbours of one mailbox together, in the order of the file. */
function batchesOf(events: readonly Entry[]): Batch[] {
  const batches: Batch[] = [];
  for (const entry of events) {
    const last = batches.at(-1);
    if (last?.stream === entry.id && last.entries.length < limits.batchItems) last.entries.push(entry);
    else batches.push({ stream: entry.id, entries: [entry] });
  }
  return batches;
}

async function takeEvents(adapter: SquawkAdapter, { stream, entries }: Batch, file: string): Promise<void> {
  const events = entries.map(({ fields }) => ({
    ...newEventOf({ ...fields, data: jsonOf(fields['data']), metadata: jsonOf(fields['metadata']) }),
    type: fields['event_type'] ?? fields['type'],
    id: known(fields['event_id'] ?? fields['id']),
    occurredAt: known(fields['occurred_at']),
  }));
  try {
    await adapter.as()(mail.append, { stream, events });
  } catch (error) {
    const field = isRookeryError(error) ? String(error.details['field'] ?? '') : '';
    const index = Number(/^events\.(\d+)/.exec(field)?.[1] ?? 0);
    throw failure(file, entries[index]!.name, error);
  }
}

async function takeCursor(adapter: SquawkAdapter, { id, fields }: Entry): Promise<void> {
  await adapter.as()(mail.advance, {
    id,
    stream: fields['stream_id'],
    position: fields['position'],
    consumer: known(fields['consumer_id']),
    createdAt: text(fields, 'created_at'),
    updatedAt: text(fields, 'updated_at'),
    orphan: true,
  });
}

async function takeLock(adapter: SquawkAdapter, { id, fields }: Entry): Promise<void> {
  const holder = text(fields, 'reserved_by') ?? text(fields, 'specialist_id');
  if (holder === undefined) throw invalid('reserved_by', 'the id of the holder');
  await adapter.as(holder)(locks.adopt, {
    id,
    path: fields['file'],
    purpose: known(fields['purpose']),
    reservedAt: fields['reserved_at'],
    ttlMs: fields['timeout_ms'] === undefined ? defaultLeaseMs : fields['timeout_ms'],
    releasedAt: text(fields, 'released_at'),
    checksum: text(fields, 'checksum'),
    metadata: known(jsonOf(fields['metadata'])),
  });
}

function text(fields: Fields, name: string): string | undefined {
  const value = known(fields[name]);
  if (value === undefined || typeof value === 'string') return value;
  throw invalid(name, 'text');
}

function parse(content: string, file: string): Legacy {
  let data: unknown;
  try {
    data = JSON.parse(content);
  } catch (cause) {
    throw failure(file, 'the file', cause);
  }
  const parts = isRecord(data) ? data : {};
  const entries = (part: string) => entriesOf(parts[part] ?? {}, part, file);
  const events = parts['events'] ?? {};
  return {
    mailboxes: entries('mailboxes'),
    events: Array.isArray(events)
      ? eventsOf(events, 'events', file)
      : Object.entries(recordOf(events, 'events', file)).flatMap(([stream, list]) =>
          eventsOf(list, `events.${stream}`, file, stream),
        ),
    cursors: entries('cursors'),
    locks: entries('locks'),
  };
}

/** Records by their ids, or a list of records that name their own. */
function entriesOf(part: unknown, name: string, file: string): Entry[] {
  if (!Array.isArray(part))
    return Object.entries(recordOf(part, name, file)).map(([id, value]) => ({
      name: `${name}.${id}`,
      id,
      fields: recordOf(value, `${name}.${id}`, file),
    }));
  return part.map((value, i) => {
    const fields = recordOf(value, `${name}.${i}`, file);
    return { name: `${name}.${i}`, id: String(fields['id'] ?? ''), fields };
  });
}

function eventsOf(list: unknown, name: string, file: string, stream?: string): Entry[] {
  if (!Array.isArray(list)) throw failure(file, name, new Error('a list of events'));
  return list.map((value: unknown, i) => {
    const fields = recordOf(value, `${name}.${i}`, file);
    const id = stream ?? fields['stream_id'] ?? fields['mailbox_id'];
    if (typeof id !== 'string') throw failure(file, `${name}.${i}`, new Error('stream_id: text'));
    return { name: `${name}.${i}`, id, fields };
  });
}

function recordOf(value: unknown, name: string, file: string): Fields {
  if (isRecord(value)) return value;
  throw failure(file, name, new Error('a JSON object'));
}
