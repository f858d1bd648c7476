import type { RookeryError } from '../../src/kernel/errors.ts';
import { many, statement } from '../../src/kernel/work.ts';
import type { Rookery } from '../../src/rookery.ts';

export interface Recorded {
  readonly seq: number;
  readonly actor: string;
  readonly via?: string;
  readonly token?: string;
  readonly op: string;
  readonly scope: string;
  readonly risk: string;
}

const selectDenials = statement(`
  SELECT entry FROM audit_log
  WHERE project_id = $1 AND status = 'failed' AND ($2 = '' OR agent_id = $2) ORDER BY seq LIMIT 100000`);

/** The refusals that the ledger knows of, oldest first. */
export async function denials(rookery: Rookery, agent = '', project = 'default'): Promise<Recorded[]> {
  const rows = await rookery.store.engine.read(() =>
    many<{ entry: string }>(selectDenials, [project, agent]),
  );
  return rows.map(({ entry }) => JSON.parse(entry) as Recorded);
}

const selectEntries = statement(`
  SELECT entry FROM audit_log WHERE project_id = $1 AND operation = $2 ORDER BY seq LIMIT 100000`);

/** The entries of one operation, oldest first. */
export async function entries(rookery: Rookery, operation: string, project = 'default'): Promise<Recorded[]> {
  const rows = await rookery.store.engine.read(() =>
    many<{ entry: string }>(selectEntries, [project, operation]),
  );
  return rows.map(({ entry }) => JSON.parse(entry) as Recorded);
}

/** The error that a call ends with; fails when it ends well. */
export async function errorOf(call: Promise<unknown>): Promise<RookeryError> {
  const outcome = await call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error: error as RookeryError }),
  );
  if ('error' in outcome) return outcome.error;
  throw new Error(`expected a refusal, got ${JSON.stringify(outcome.value)}`);
}
