import * as conflicts from './domains/conflicts/sealed.ts';
import * as fleet from './domains/fleet/erasure.ts';
import * as notes from './domains/fleet/lives/notes.ts';
import * as loop from './domains/loop/sealed.ts';
import * as mail from './domains/mail/sealed.ts';
import * as memory from './domains/memory/sealed.ts';
import * as missions from './domains/missions/erasure.ts';
import * as signals from './domains/signals/sealed.ts';
import * as tasks from './domains/tasks/sealed.ts';
import * as votes from './domains/votes/sealed.ts';
import * as idempotency from './kernel/idempotency.ts';
import type { Erasure, SealedTable } from './kernel/vault/sealed.ts';

/** Every column of envelopes there is: what key rotation seals anew. Rows may move between tables only downwards here. */
export const sealedTables: readonly SealedTable[] = [
  ...memory.sealedTables,
  ...mail.sealedTables,
  ...loop.sealedTables,
  ...signals.sealedTables,
  ...votes.sealedTables,
  ...tasks.sealedTables,
  ...conflicts.sealedTables,
  ...notes.sealedTables,
  ...idempotency.sealedTables,
];

/** What an erasure removes, domain by domain. */
export const erasures: readonly Erasure[] = [
  ...memory.erasures,
  ...mail.erasures,
  ...loop.erasures,
  ...missions.erasures,
  ...signals.erasures,
  ...votes.erasures,
  ...tasks.erasures,
  ...conflicts.erasures,
  ...notes.erasures,
  ...fleet.erasures,
  ...idempotency.erasures,
];
