import {
  type Identity,
  type Level,
  levelOf,
  scopeFor,
  scopes,
  sealedByDefault,
} from '../../kernel/access/model.ts';
import { Collision } from '../../kernel/collision.ts';
import { Denial, type ReadContext, type Subject, type WriteContext } from '../../kernel/context.ts';
import { invalid, RookeryError } from '../../kernel/errors.ts';
import { readHead } from '../../kernel/ledger/head.ts';
import { limits } from '../../kernel/limits.ts';
import { keyIdOf } from '../../kernel/vault/envelope.ts';
import { showing } from '../../kernel/vault/shown.ts';
import type { Work } from '../../kernel/work.ts';
import { hotDelete, hotWrite } from './hot.ts';
import { type Item, type ItemHead, type Type, types } from './model.ts';
import {
  addAccesses,
  addItem,
  dropRevisions,
  type ItemRow,
  itemIn,
  keepRevision,
  liveItem,
  nearestItem,
  ownedItem,
  replaceItem,
} from './statements.ts';

/** What every operation on items shares: finding one, and changing one with its history and ledger entry. */

export interface Address {
  readonly namespace: string;
  readonly key: string;
  readonly level?: Level | undefined;
  readonly audience?: string | undefined;
}

export function isLive(row: Pick<ItemRow, 'deleted' | 'expires_at'>, now: number): boolean {
  return row.deleted === 0 && (row.expires_at === null || row.expires_at > now);
}

/** The store clock. A query knows it as this process does; another one may have seen a later time. */
export function* storeClock(context: ReadContext): Work<number> {
  const stored = yield* readHead(context.project);
  return Math.max(context.now, stored?.head.clockMs ?? 0);
}

export function subjectOf(namespace: string, key: string, scope: string): Subject {
  // A namespace may hold a "/" itself: `a/b` with `c` is another thing than `a` with `b/c`.
  const between = namespace.includes('/') ? '\n' : '/';
  const name = `${scope}\n${namespace}${between}${key}`;
  return { kind: 'memory', name, scope, pointer: `${namespace}\n${key}` };
}

/** The live item an address means to the caller, or undefined. Absent and forbidden are one answer. */
export function* find(context: ReadContext, address: Address): Work<ItemRow | undefined> {
  const { namespace, key, level, audience } = address;
  const { project, agent, now } = context;
  if (level === undefined) {
    if (audience !== undefined) throw invalid('level', 'required with an audience');
    const near = yield* nearestItem(project, agent, namespace, key, now);
    if (near) return yield* inOwnSwarm(context, near);
    // A miss is where an agent that does not exist yet is noticed.
    const identity = yield* context.identity();
    return identity.scopes.length > 0 ? yield* ownedItem(project, agent, namespace, key, now) : undefined;
  }
  const identity = yield* context.identity();
  const scope = scopeFor(identity, level, audience);
  const row = yield* liveItem(project, namespace, key, scope, now);
  const guarded = { scope, owner: row?.owner ?? '', path: `${namespace}/${key}` };
  if (yield* context.may(identity, 'read', 'memory', guarded)) return row;
  context.noteDenial(subjectOf(namespace, key, scope));
  return undefined;
}

/** An agent of several swarms means the one that its view was opened for, before the others. */
function* inOwnSwarm({ project, principal, now }: ReadContext, near: ItemRow): Work<ItemRow> {
  if (principal.swarm === undefined || !near.scope.startsWith('swarm:')) return near;
  const scope = scopes.swarm(principal.swarm);
  if (near.scope === scope) return near;
  return (yield* liveItem(project, near.namespace, near.key, scope, now)) ?? near;
}

export function headOf(row: Omit<ItemRow, 'value' | 'sealed'>): ItemHead {
  return {
    namespace: row.namespace,
    key: row.key,
    level: levelOf(row.scope),
    scope: row.scope,
    owner: row.owner,
    type: row.type,
    revision: row.revision,
    seq: row.seq,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    expiresAt: row.expires_at,
  };
}

/** A changed item stays as encrypted as it was; where the level decides, nothing is said. */
export function staysEncrypted(row: ItemRow | undefined): true | undefined {
  return row?.sealed && keyIdOf(row.sealed) ? true : undefined;
}

export function* contentOf(context: ReadContext, row: Omit<ItemRow, 'type'>): Work<string> {
  return yield* context.open(row, bindingOf(row.namespace, row.key, row.scope, row.revision));
}

/** The item with its value; the read is noted where the audience is closed. */
export function* read(context: ReadContext, row: ItemRow): Work<Item> {
  const content = yield* contentOf(context, row);
  context.noteRead(subjectOf(row.namespace, row.key, row.scope));
  context.countAccess(recordOf(row));
  return { ...headOf(row), value: JSON.parse(content) };
}

/** A row as its reads are counted. No part can hold a line break. */
export function recordOf({ namespace, key, scope }: Pick<ItemRow, 'namespace' | 'key' | 'scope'>): string {
  return `${namespace}\n${key}\n${scope}`;
}

/** Adds counts of reads to the rows they are about. */
export function* writeAccesses(project: string, counts: ReadonlyMap<string, number>): Work<void> {
  for (const [record, count] of counts) {
    const [namespace = '', key = '', scope = ''] = record.split('\n');
    yield* addAccesses(project, { namespace, key, scope }, count);
  }
}

export function bindingOf(namespace: string, key: string, scope: string, revision: number) {
  return { table: 'memory', record: `${namespace}\n${key}`, scope, revision };
}

/** Whether the caller may change what lies in the scope; throws FORBIDDEN otherwise. */
export function* assertMay(
  context: WriteContext,
  identity: Identity,
  act: 'read' | 'write' | 'delete',
  namespace: string,
  key: string,
  scope: string,
): Work<void> {
  // The owner of a record in an audience that it has left still reads it, and no longer changes it.
  if (identity.scopes.includes(scope)) return;
  if (yield* context.may(identity, act, 'memory', { scope, owner: '', path: `${namespace}/${key}` })) return;
  const level = levelOf(scope);
  throw new Denial(
    'FORBIDDEN',
    `${context.agent} may not ${act} at this ${level} audience`,
    subjectOf(namespace, key, scope),
    {
      level,
    },
  );
}

export interface Writing {
  readonly namespace: string;
  readonly key: string;
  readonly scope: string;
  readonly content: string;
  readonly encrypt?: boolean | undefined;
  readonly compress?: boolean | undefined;
  readonly expiresAt: number | null;
  /** The writer knew what it replaced: the entry says so, and it is no blind write. */
  readonly expected?: boolean | undefined;
  /** Absent: as before, or "data". */
  readonly type?: Type | undefined;
}

/** Writes one item over what is there: revision, history, ledger entry, wake-up. The caller has checked the right. */
export function* write(
  context: WriteContext,
  current: ItemRow | undefined,
  writing: Writing,
): Work<ItemHead> {
  const { namespace, key, scope, content, expiresAt } = writing;
  const { project, agent: author, now } = context;
  const level = levelOf(scope);
  const before = current?.revision ?? 0;
  const revision = before + 1;
  if (writing.encrypt === false && sealedByDefault(level)) {
    throw invalid('encrypt', `level ${level} is always encrypted`);
  }
  const encrypt = writing.encrypt ?? sealedByDefault(level);
  const alive = current && isLive(current, now) ? current : undefined;
  const type = writing.type ?? alive?.type ?? 'data';
  const binding = bindingOf(namespace, key, scope, revision);
  const stored = yield* context.seal(content, encrypt, binding, writing.compress);
  const seq = yield* context.record(subjectOf(namespace, key, scope), {
    revision: [before, revision],
    content,
    ...factsOf(expiresAt, type, writing.expected),
    live: (version) => [
      hotWrite(project, writing, { version, shown: showing(stored, content), expiresAt, now }),
    ],
  });
  const item = { namespace, key, scope, level, author, revision, seq, now, expiresAt, type, ...stored };
  const { owner, created_at: createdAt } = alive ?? { owner: author, created_at: now };
  if (current) {
    yield* supersede(context, current);
    yield* replaceGuarded(project, { ...item, owner, deleted: 0, createdAt });
  } else {
    yield* addItem(project, item);
  }
  context.tx.touch(`memory/${namespace}/${key}`);
  return { namespace, key, level, scope, owner, type, revision, seq, createdAt, updatedAt: now, expiresAt };
}

/** What the ledger knows of an item beside its content, where that is not the usual. */
function factsOf(expiresAt: number | null, type: Type, expected = false): { facts?: Record<string, number> } {
  if (expiresAt === null && type === 'data' && !expected) return {};
  const kind = types.indexOf(type);
  return {
    facts: {
      ...(expected && { expected: 1 }),
      ...(expiresAt !== null && { expiresAt }),
      ...(kind > 0 && { type: kind }),
    },
  };
}

/** Turns a live item into a tombstone. */
export function* remove(context: WriteContext, row: ItemRow, operation?: string): Work<number> {
  const { namespace, key, scope } = row;
  const revision = row.revision + 1;
  const seq = yield* context.record(subjectOf(namespace, key, scope), {
    revision: [row.revision, revision],
    facts: { deleted: 1 },
    live: (version) => [hotDelete(context.project, row, version)],
    ...(operation && { operation }),
  });
  yield* supersede(context, row);
  yield* replaceGuarded(context.project, {
    ...{
      namespace,
      key,
      scope,
      level: levelOf(scope),
      author: context.agent,
      revision,
      seq,
      now: context.now,
    },
    ...{
      expiresAt: null,
      type: 'data',
      value: null,
      sealed: null,
      owner: row.owner,
      deleted: 1,
      createdAt: row.created_at,
    },
  });
  context.tx.touch(`memory/${namespace}/${key}`);
  return revision;
}

function* replaceGuarded(project: string, item: Parameters<typeof replaceItem>[1]): Work<void> {
  const changed = yield* replaceItem(project, item);
  if (changed !== 1)
    throw new RookeryError('REVISION_CONFLICT', `${item.key} changed meanwhile`, { key: item.key });
}

function* supersede(context: WriteContext, row: ItemRow): Work<void> {
  const { namespace, key, scope } = row;
  yield* keepRevision(context.project, namespace, key, scope);
  const oldest = row.revision - limits.historyRevisions;
  if (oldest > 0) yield* dropRevisions(context.project, namespace, key, scope, oldest);
}

/** The row to be changed at a level, after the right to change it was checked. */
export function* forWriting(
  context: WriteContext,
  address: { namespace: string; key: string; level: Level; audience?: string | undefined },
): Work<{ scope: string; current: ItemRow | undefined }> {
  const identity = yield* context.identity();
  const scope = scopeFor(identity, address.level, address.audience);
  yield* assertMay(context, identity, 'write', address.namespace, address.key, scope);
  const current = yield* itemIn(context.project, address.namespace, address.key, scope);
  return { scope, current };
}

/** Compare-and-set: the revision the caller expects, 0 for "must not exist". */
export function assertRevision(
  expected: number | undefined,
  current: ItemRow | undefined,
  now: number,
  field = 'expectedRevision',
): void {
  if (expected === undefined) return;
  const actual = current && isLive(current, now) ? current.revision : 0;
  if (actual === expected) return;
  const message = `the revision is ${actual}, not ${expected}`;
  const details = { field, expected, actual };
  if (!current) throw new RookeryError('REVISION_CONFLICT', message, details);
  const { namespace, key, scope, author } = current;
  const meeting = {
    type: 'version',
    kind: 'memory',
    resource: `${namespace}/${key}`,
    scope,
    others: [author],
  } as const;
  throw new Collision('REVISION_CONFLICT', message, meeting, details);
}
