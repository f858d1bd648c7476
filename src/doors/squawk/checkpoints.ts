import type { z } from 'zod';
import * as mail from '../../domains/mail/operations.ts';
import type * as model from '../../domains/missions/checkpoint-model.ts';
import * as checkpoints from '../../domains/missions/checkpoints.ts';
import { limits } from '../../kernel/limits.ts';
import { fromDoor } from '../naming.ts';
import type { CheckpointCopies } from './copies.ts';
import { pick } from './fields.ts';
import type { Invoke } from './invoke.ts';

/** Checkpoints as seed 002 asks for them, for the server and for the module, with their copies. */

const asked = fromDoor(checkpoints.create.input);

const fields = [
  'mission_id',
  'trigger',
  'trigger_details',
  'progress_percent',
  'sorties',
  'active_locks',
  'pending_messages',
  'recovery_context',
  'created_by',
  'ttl_hours',
  'metadata',
];
const same = Object.fromEntries(fields.map((field) => [field, field]));

/** Names that other layers of the original had for two of the triggers. */
const triggers: Readonly<Record<string, string>> = { auto: 'progress', completion: 'progress' };

/** Makes a checkpoint from fields of the seed. */
export async function take(
  invoke: Invoke,
  body: Readonly<Record<string, unknown>>,
  copies: CheckpointCopies | undefined,
): Promise<model.Checkpoint> {
  const { trigger, ...rest } = pick(body, same);
  const known = typeof trigger === 'string' && Object.hasOwn(triggers, trigger) ? triggers[trigger] : trigger;
  const input = asked({ ...rest, ...(known !== undefined && { trigger: known }) });
  const { checkpoint, dropped } = await invoke(checkpoints.create, input);
  await copies?.write(checkpoint, true);
  for (const place of dropped) await copies?.remove(place, checkpoint);
  return checkpoint;
}

/** The row, or where that is lost the copy of it. What was removed on purpose is gone. */
export async function find(
  invoke: Invoke,
  id: string,
  copies: CheckpointCopies | undefined,
): Promise<model.Checkpoint | null> {
  const stored = await invoke(checkpoints.get, { id });
  if (stored || !copies) return stored;
  return (await unlessRemoved(invoke, await copies.find(id))) ?? null;
}

export async function latest(
  invoke: Invoke,
  missionId: string,
  copies: CheckpointCopies | undefined,
): Promise<model.Checkpoint | null> {
  const stored = await invoke(checkpoints.latest, { missionId });
  if (stored || !copies) return stored;
  return (await unlessRemoved(invoke, await copies.latest(missionId))) ?? null;
}

async function unlessRemoved(
  invoke: Invoke,
  copy: model.Checkpoint | undefined,
): Promise<model.Checkpoint | undefined> {
  if (!copy) return undefined;
  const stream = { streamType: 'checkpoint', streamId: copy.id, first: 'newest', limit: 1 };
  const { events } = await invoke(mail.eventsOf, stream);
  return events[0]?.type === 'checkpoint_removed' ? undefined : copy;
}

export async function remove(
  invoke: Invoke,
  id: string,
  copies: CheckpointCopies | undefined,
): Promise<boolean> {
  const { removed, missionId } = await invoke(checkpoints.remove, { id });
  if (missionId !== null) await forget(invoke, [{ id, missionId }], copies);
  return removed;
}

async function forget(
  invoke: Invoke,
  places: readonly model.Place[],
  copies: CheckpointCopies | undefined,
): Promise<void> {
  if (!copies) return;
  for (const place of places)
    await copies.remove(place, await invoke(checkpoints.latest, { missionId: place.missionId }));
}

export interface Pruning {
  readonly olderThanDays?: unknown;
  readonly keepPerMission?: unknown;
  readonly missionId?: unknown;
  readonly dryRun?: unknown;
}

/** All that may go, page by page; of a dry run the first page. */
export async function prune(
  invoke: Invoke,
  wanted: Pruning,
  copies: CheckpointCopies | undefined,
): Promise<{ deleted: number; freedBytes: number; details: model.Place[] }> {
  const all = { deleted: 0, freedBytes: 0, details: [] as model.Place[] };
  for (let more = true; more && all.details.length < limits.pageSize * 100; ) {
    const page: z.output<typeof checkpoints.prune.output> = await invoke(checkpoints.prune, wanted);
    // Under an idempotency key the same page is answered again, not the next one.
    if (all.details.some(({ id }) => id === page.details[0]?.id)) break;
    all.deleted += page.deleted;
    all.freedBytes += page.freedBytes;
    all.details.push(...page.details);
    if (wanted.dryRun !== true) await forget(invoke, page.details, copies);
    more = page.more && wanted.dryRun !== true;
  }
  return all;
}

export interface Recovering {
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly continuedBy?: string | undefined;
}

/** Recovers from a checkpoint, which is taken back from its copy first where the row is lost. */
export async function recover(
  invoke: Invoke,
  which: { readonly id: string } | { readonly missionId: string },
  how: Recovering,
  copies: CheckpointCopies | undefined,
): Promise<model.Recovered | null> {
  const found =
    'id' in which ? await find(invoke, which.id, copies) : await latest(invoke, which.missionId, copies);
  if (!found) return null;
  if (!(await invoke(checkpoints.get, { id: found.id })))
    await invoke(checkpoints.adopt, { checkpoint: found });
  const recovered = await invoke(checkpoints.recover, { id: found.id, ...how });
  const changed = recovered?.success && !how.dryRun ? await invoke(checkpoints.get, { id: found.id }) : null;
  if (changed && copies) {
    const newest = await invoke(checkpoints.latest, { missionId: changed.missionId });
    await copies.write(changed, newest?.id === changed.id);
  }
  return recovered;
}
