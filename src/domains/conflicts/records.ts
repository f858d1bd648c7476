import { levelOf, sealedByDefault } from '../../kernel/access/model.ts';
import type { ReadContext, Subject, WriteContext } from '../../kernel/context.ts';
import type { Work } from '../../kernel/work.ts';
import { type Conflict, type Origin, quietMs, type Severity, severityOf, type Type } from './model.ts';
import { addConflict, type ConflictRow, openConflict, seeAgain } from './statements.ts';

/** Conflicts coming into being, and showing them. */

export function subjectOf({ id, scope }: Pick<ConflictRow, 'id' | 'scope'>): Subject {
  return { kind: 'conflict', name: id, scope };
}

export function bindingOf({ id, scope }: Pick<ConflictRow, 'id' | 'scope'>) {
  return { table: 'conflicts', record: id, scope, revision: 0 };
}

/** What people said about it. */
export interface Said {
  readonly description: string | null;
  readonly resolution: string | null;
}

export function* storeSaid(
  context: WriteContext,
  of: Pick<ConflictRow, 'id' | 'scope'>,
  said: Said,
): Work<Said & Pick<ConflictRow, 'sealed'>> {
  const silent = said.description === null && said.resolution === null;
  if (silent || !sealedByDefault(levelOf(of.scope))) return { ...said, sealed: null };
  const { sealed } = yield* context.seal(JSON.stringify(said), true, bindingOf(of));
  return { description: null, resolution: null, sealed };
}

export function* saidIn(context: ReadContext, row: ConflictRow): Work<Said> {
  if (row.sealed === null) return { description: row.description, resolution: row.resolution };
  return JSON.parse(yield* context.open({ value: null, sealed: row.sealed }, bindingOf(row))) as Said;
}

/** The text that every entry of a conflict commits to. How often it was seen is not part of it. */
export function* contentText(context: ReadContext, row: ConflictRow): Work<string> {
  const { description, resolution } = yield* saidIn(context, row);
  return JSON.stringify([
    [row.type, row.kind, row.resource, row.agents, row.found_by, row.severity, row.owner, row.first_seen],
    [row.status, row.resolved_by, row.resolved_at, description, resolution],
  ]);
}

export interface NewConflict {
  readonly type: Type;
  readonly kind: string;
  readonly resource: string;
  readonly agents: readonly string[];
  readonly origin: Origin;
  readonly severity: Severity;
  readonly scope: string;
  readonly description?: string | undefined;
}

export function* insert(context: WriteContext, conflict: NewConflict, operation: string): Work<ConflictRow> {
  const { type, kind, resource, origin, severity, scope, description = null } = conflict;
  const id = context.newId('cfl');
  const agents = inOrder(conflict.agents);
  const row: ConflictRow = {
    id,
    ...{ type, kind, resource, severity, scope, found_by: origin, agents: JSON.stringify(agents) },
    ...{ status: 'open', level: levelOf(scope), owner: context.agent, seq: 0 },
    ...{ occurrences: 1, first_seen: context.now, last_seen: context.now },
    ...{ resolved_by: null, resolved_at: null },
    ...(yield* storeSaid(context, { id, scope }, { description, resolution: null })),
  };
  row.seq = yield* context.record(subjectOf(row), {
    operation,
    revision: [0, 1],
    content: yield* contentText(context, row),
  });
  yield* addConflict(context.project, row, agents);
  context.tx.touch('conflicts');
  return row;
}

function inOrder(agents: readonly string[]): string[] {
  return [...new Set(agents)].sort();
}

/** What was met with, as often as it is; answers the row when it is a new conflict. */
export function* note(
  context: WriteContext,
  met: Omit<NewConflict, 'severity' | 'origin'> & { readonly origin: Exclude<Origin, 'report'> },
): Work<ConflictRow | undefined> {
  const { kind, resource, scope, origin } = met;
  const agents = JSON.stringify(inOrder(met.agents));
  const open = yield* openConflict(context.project, { kind, resource, scope, agents, found_by: origin });
  if (!open) return yield* insert(context, { ...met, severity: severityOf[origin] }, 'conflicts.note');
  if (open.last_seen + quietMs <= context.now) yield* seeAgain(context.project, open.id, context.now);
  return undefined;
}

export function* shown(context: ReadContext, row: ConflictRow, whole: boolean): Work<Conflict> {
  const agents = JSON.parse(row.agents) as string[];
  const { description, resolution } = yield* saidIn(context, row);
  return {
    id: row.id,
    type: row.type,
    kind: row.kind,
    resource: row.resource,
    agents: whole ? agents : agents.filter((agent) => agent === context.agent),
    origin: row.found_by,
    severity: row.severity,
    status: row.status,
    level: levelOf(row.scope),
    owner: whole || row.owner === context.agent ? row.owner : '',
    occurrences: row.occurrences,
    firstSeen: row.first_seen,
    lastSeen: row.last_seen,
    description: whole ? description : null,
    resolution: whole ? resolution : null,
    resolvedBy: whole ? row.resolved_by : null,
    resolvedAt: row.resolved_at,
    seq: row.seq,
  };
}
