import { z } from 'zod';
import { limits } from '../../kernel/limits.ts';
import type { ErasureRow, RotationRow } from '../../kernel/vault/rotation-statements.ts';
import type { ErasedSubject } from '../../kernel/vault/sealed.ts';
import type { KeyRow } from '../../kernel/vault/statements.ts';
import { keyStates } from '../../kernel/vault/states.ts';

/**
 * Words. The *root key* wraps the keys of the store, these wrap the *project keys*, and those the *data keys*: one for each
 * audience (*scope*), under which its records are sealed. Nothing here ever shows what is in a key.
 *
 * A data key is pending → primary → decrypt-only → retired, or compromised, and at last destroyed: see
 * `kernel/vault/states.ts`. A *rotation* makes new primary keys, in force for every process from its commit on, and then
 * seals anew what lies under the old ones, in the background, between other people's writes. A rotation of the root key or of
 * project keys only wraps keys again.
 *
 * An *erasure* destroys the keys of an agent's own audiences and everything that was sealed or stored there. Its receipt is
 * *pending* until the database's own log holds nothing of it any more, and the copy in Redis neither.
 */

export const keyId = z
  .string('text')
  .regex(/^[0-9a-f]{16}$/, 'an id as keys.list shows it: 16 hexadecimal digits')
  .describe('Id of the key');

export const scope = z
  .string('text')
  .min(1, 'must not be empty')
  .max(limits.idLength + 16, 'a scope as keys.list shows it')
  .describe('The audience: private:<agent>, team:<team>, solo:<agent>, swarm:<swarm>, project or system');

export const reason = z
  .string('text')
  .max(limits.nameLength, `at most ${limits.nameLength} characters`)
  .default('')
  .describe('Why, for who reads the list; kept in clear');

export const key = z.object({
  id: z.string(),
  purpose: z.string().describe('data, or for keys above them: project (names in the ledger), wrap'),
  scope: z.string(),
  state: z.enum(keyStates),
  createdAt: z.int(),
  changedAt: z.int().nullable(),
  retiredAt: z.int().nullable().describe('Since when it opens nothing any more'),
  uses: z.int().describe('Encryptions reserved so far, in blocks'),
  records: z.int().describe('Records that are sealed under it'),
  reason: z.string(),
});
export type Key = z.output<typeof key>;

export function keyView(row: KeyRow, records: number): Key {
  return {
    id: row.id,
    purpose: row.purpose,
    scope: row.scope,
    state: row.state,
    createdAt: row.created_at,
    changedAt: row.changed_at,
    retiredAt: row.retired_at,
    uses: row.uses,
    records,
    reason: row.reason,
  };
}

export const rotation = z.object({
  round: z.int().describe('Counts the rotations of the project'),
  state: z.enum(['running', 'done']),
  reason: z.string(),
  startedBy: z.string(),
  startedAt: z.int(),
  endedAt: z.int().nullable(),
  done: z.int().describe('Records sealed anew'),
  total: z.int().nullable().describe('Records found under old keys; null until they are counted'),
  unreadable: z.int().describe('Records that do not open; "audit verify" names them'),
});

export function rotationView(row: RotationRow): z.output<typeof rotation> {
  return {
    round: row.round,
    state: row.state,
    reason: row.reason,
    startedBy: row.started_by,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    done: row.done,
    total: row.total,
    unreadable: row.unreadable,
  };
}

export const receipt = z.object({
  id: z.string(),
  subject: z.string().describe('The pseudonym under which the ledger knows the erasure of this agent'),
  seq: z.int().describe('Number of the ledger entry that tells of it'),
  state: z.enum(['pending', 'done']).describe('Pending: the database log may still hold traces'),
  requestedBy: z.string(),
  requestedAt: z.int(),
  finishedAt: z.int().nullable(),
  keys: z.int().describe('Keys destroyed'),
  records: z.record(z.string(), z.int()).describe('Records removed, by kind'),
  remains: z.array(z.string()).describe('What the erasure does not reach'),
});
export type Receipt = z.output<typeof receipt>;

export function receiptView(row: ErasureRow): Receipt {
  return {
    id: row.id,
    subject: row.subject,
    seq: row.seq,
    state: row.state,
    requestedBy: row.requested_by,
    requestedAt: row.requested_at,
    finishedAt: row.finished_at,
    keys: row.keys,
    records: JSON.parse(row.records) as Record<string, number>,
    remains: JSON.parse(row.remains) as string[],
  };
}

/** What no erasure reaches, told in every receipt. */
export function remainsOf({ owned, relayed }: ErasedSubject, scrubs: boolean): string[] {
  return [
    'copies made before: backups, snapshots, replicas, exports',
    'names in clear: the id of the agent in ledger entries, memberships and the fleet, and where others wrote it; why it gave grants and roles',
    'what it wrote into streams and records that belong to others',
    ...(owned ? [] : ['what it owns in wider audiences (erase with "owned")']),
    ...(relayed ? ['snapshots and logs that Redis has written, until it writes them anew'] : []),
    ...(scrubs
      ? []
      : ["dead rows and the server's own log, until vacuum and log rotation have passed over them"]),
  ];
}
