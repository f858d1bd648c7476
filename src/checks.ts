import * as conflicts from './domains/conflicts/checks.ts';
import * as fleet from './domains/fleet/checks.ts';
import * as keys from './domains/keys/checks.ts';
import * as locks from './domains/locks/checks.ts';
import * as loop from './domains/loop/checks.ts';
import * as mail from './domains/mail/checks.ts';
import * as memory from './domains/memory/checks.ts';
import * as missions from './domains/missions/checks.ts';
import * as signals from './domains/signals/checks.ts';
import * as tasks from './domains/tasks/checks.ts';
import * as votes from './domains/votes/checks.ts';
import type { StateCheck } from './kernel/ledger/state.ts';

/** What `audit verify` compares with the ledger, domain by domain. */
export const stateChecks: readonly StateCheck[] = [
  ...memory.stateChecks,
  ...mail.stateChecks,
  ...locks.stateChecks,
  ...signals.stateChecks,
  ...fleet.stateChecks,
  ...loop.stateChecks,
  ...tasks.stateChecks,
  ...keys.stateChecks,
  ...votes.stateChecks,
  ...missions.stateChecks,
  ...conflicts.stateChecks,
];
