import { type Identity, levelOf, scopeFor, scopes } from '../../kernel/access/model.ts';
import { agentById } from '../../kernel/access/statements.ts';
import { isoTime } from '../../kernel/clock.ts';
import { Denial, type ReadContext, type Subject, type WriteContext } from '../../kernel/context.ts';
import { invalid, notFound } from '../../kernel/errors.ts';
import type { Work } from '../../kernel/work.ts';
import { inboxOwner, type StreamState } from './model.ts';
import { addStream, type StreamRow, streamById } from './statements.ts';

/** Finding a stream with the right to it, and bringing one into being. */

export function subjectOf(stream: string, scope: string): Subject {
  return { kind: 'mail', name: stream, scope };
}

export function topicOf(stream: string): string {
  return `mail/${stream}`;
}

export function stateOf(row: StreamRow): StreamState {
  return {
    stream: row.id,
    level: levelOf(row.scope),
    scope: row.scope,
    postLevel: levelOf(row.post_scope),
    postScope: row.post_scope,
    owner: row.owner,
    head: row.head,
    incarnation: row.incarnation,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/**
 * The stream, when the caller may read it. Absent and forbidden are one answer; the ledger hears of the latter, unless
 * this is a waiter that merely looks again.
 */
export function* readable(context: ReadContext, stream: string, again = false): Work<StreamRow | undefined> {
  const identity = yield* context.identity();
  const row = yield* streamById(context.project, stream);
  if (!row) return undefined;
  if (yield* mayRead(context, identity, row)) return row;
  if (!again) context.noteDenial(subjectOf(stream, row.scope));
  return undefined;
}

export function* mayRead(context: ReadContext, identity: Identity, row: StreamRow): Work<boolean> {
  const { scope, owner, id: path } = row;
  return yield* context.may(identity, 'read', 'mail', { scope, owner, path });
}

type Posted = Pick<StreamRow, 'id' | 'scope' | 'post_scope' | 'owner'>;

export function* mayPost(context: WriteContext, identity: Identity, row: Posted): Work<boolean> {
  const guarded = { scope: row.post_scope, owner: row.owner, path: row.id };
  return yield* context.may(identity, 'append', 'mail', guarded);
}

/** Refuses an append by somebody who is not of the posting audience. */
export function* assertMayPost(context: WriteContext, identity: Identity, row: Posted): Work<void> {
  if (yield* mayPost(context, identity, row)) return;
  throw new Denial(
    'FORBIDDEN',
    `${context.agent} may not append to this stream`,
    subjectOf(row.id, row.scope),
    {
      stream: row.id,
    },
  );
}

/** Refuses a change of the stream itself, its removal included, by somebody who is not of its readers. */
export function* assertMayChange(
  context: WriteContext,
  identity: Identity,
  act: 'write' | 'delete',
  row: Pick<StreamRow, 'id' | 'scope' | 'owner'>,
): Work<void> {
  const { scope, owner, id: path } = row;
  if (yield* context.may(identity, act, 'mail', { scope, owner, path })) return;
  throw new Denial('FORBIDDEN', `${context.agent} may not ${act} this stream`, subjectOf(path, scope), {
    level: levelOf(scope),
  });
}

/** Who reads, who posts and whose it is. */
export interface Shape {
  readonly scope: string;
  readonly postScope: string;
  readonly owner: string;
}

type Audiences = {
  readonly level?: Parameters<typeof scopeFor>[1] | undefined;
  readonly audience?: string | undefined;
  readonly postLevel?: Parameters<typeof scopeFor>[1] | undefined;
  readonly postAudience?: string | undefined;
};

/**
 * The shape a new stream takes. The name of an inbox decides alone: nobody can open somebody's inbox to other readers
 * by being the first to name it. Whose inbox it is must be an agent there is.
 */
export function* shapeFor(
  context: ReadContext,
  identity: Identity,
  stream: string,
  wanted: Audiences = {},
): Work<Shape> {
  const inbox = inboxOwner(stream);
  if (inbox === undefined) {
    if (wanted.level === undefined && wanted.audience !== undefined)
      throw invalid('level', 'required with an audience');
    const scope = scopeFor(identity, wanted.level ?? 'project', wanted.audience);
    return { scope, postScope: postScopeFor(identity, wanted) ?? scope, owner: context.agent };
  }
  if (Object.values(wanted).some((value) => value !== undefined))
    throw invalid('level', 'an inbox is read by its agent and open to the project: leave it out');
  if (!(yield* agentById(context.project, inbox))) throw notFound('agent');
  return { scope: scopes.private(inbox), postScope: scopes.project, owner: inbox };
}

/** Refuses audiences that are not those of the stream that is there; naming none accepts any. */
export function* assertShape(
  context: ReadContext,
  identity: Identity,
  row: StreamRow,
  wanted: Audiences,
): Work<void> {
  if (Object.values(wanted).every((value) => value === undefined)) return;
  const { scope, postScope } = yield* shapeFor(context, identity, row.id, wanted);
  if (scope !== row.scope || postScope !== row.post_scope)
    throw invalid('level', 'the audiences that the stream already has');
}

export function postScopeFor(identity: Identity, wanted: Audiences): string | undefined {
  if (wanted.postLevel !== undefined) return scopeFor(identity, wanted.postLevel, wanted.postAudience);
  if (wanted.postAudience !== undefined) throw invalid('postLevel', 'required with a posting audience');
  return undefined;
}

/** Inserts the row of a new stream; its incarnation is the number of the ledger entry that tells of it. */
export function* insert(
  context: WriteContext,
  stream: string,
  shape: Shape,
  more: {
    readonly seq: number;
    readonly head: number;
    readonly createdAt?: string | undefined;
    readonly updatedAt?: string | undefined;
  },
): Work<StreamRow> {
  const now = isoTime(context.now);
  const row = {
    id: stream,
    created_at: more.createdAt ?? now,
    updated_at: more.updatedAt ?? more.createdAt ?? now,
    head: more.head,
    level: levelOf(shape.scope),
    scope: shape.scope,
    post_scope: shape.postScope,
    owner: shape.owner,
    incarnation: more.seq,
  };
  yield* addStream(context.project, row);
  context.tx.touch(topicOf(stream));
  return row;
}
