import { scopes } from '../../kernel/access/model.ts';
import type { ReadContext } from '../../kernel/context.ts';
import type { Work } from '../../kernel/work.ts';
import { roleInForce } from '../fleet/operations.ts';
import * as records from './records.ts';
import { type ConfidenceRow, confidencesIn } from './statements.ts';

export interface Wanted {
  readonly phase: string;
  readonly swarm?: string | undefined;
  readonly iteration?: number | undefined;
  readonly agent?: string | undefined;
  readonly cursor: string;
  readonly limit: number;
}

/**
 * The confidences of a phase that the caller may read, with each read noted: its own, and through the role validator
 * those of the swarm that the role is in force in. What others have said is absent otherwise.
 */
export function* readConfidences(
  context: ReadContext,
  wanted: Wanted,
): Work<{ rows: ConfidenceRow[]; nextCursor: string | null }> {
  const identity = yield* context.identity();
  if (identity.scopes.length === 0) return { rows: [], nextCursor: null };
  const { phase, iteration, agent: owner, limit } = wanted;
  const swarm = records.swarmOf(identity, wanted.swarm);
  const place = { swarm, phase };
  const grant = (yield* roleInForce(context, context.agent, 'validator', swarm))?.id;
  const foreign = owner !== undefined && owner !== context.agent;
  if (!grant && foreign) context.noteDenial(records.phaseSubject(place, scopes.private(owner)));
  const of = { ...place, iteration, owner };
  const page = records.pageOf(wanted, context.now);
  const found = yield* confidencesIn(context.project, context.agent, of, grant !== undefined, page);
  const rows = found.slice(0, limit);
  for (const row of rows) {
    if (row.own === 1 || grant === undefined) context.noteRead(records.phaseSubject(place, row.scope));
    else context.witness(records.subjectOf(records.named.confidence(row)), grantRead(grant, row));
  }
  return { rows, nextCursor: records.nextCursor(found, limit) };
}

function grantRead(grant: string, row: ConfidenceRow) {
  return {
    action: 'role_grant_read',
    category: records.category,
    entityType: 'role-grant',
    entityId: grant,
    swarm: row.swarm,
    details: { owner: row.owner, key: records.named.confidence(row).key },
  };
}
