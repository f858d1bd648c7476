import type { z } from 'zod';
import * as missions from '../../../domains/missions/missions.ts';
import * as sorties from '../../../domains/missions/sorties.ts';
import { limits } from '../../../kernel/limits.ts';
import type { CheckpointCopies } from '../copies.ts';
import { pick } from '../fields.ts';
import { type Mission, missionOf, type Sortie, sortieOf } from '../mission-shapes.ts';
import { type As, type Fields, jsonOf } from './calls.ts';

export interface MissionFilter {
  readonly status?: string;
  readonly limit?: number;
  readonly offset?: number;
}

export interface SortieFilter extends MissionFilter {
  readonly mission_id?: string;
  readonly assigned_to?: string;
}

const missionFields = {
  title: 'title',
  description: 'description',
  priority: 'priority',
  status: 'status',
  result: 'result',
  verdict: 'verdict',
  metadata: 'metadata',
};

/** JSON columns may be handed in as their text. */
function read(fields: Fields, names: Readonly<Record<string, string>>): Record<string, unknown> {
  const json = Object.fromEntries(
    ['metadata', 'result', 'files'].flatMap((name) => (name in fields ? [[name, jsonOf(fields[name])]] : [])),
  );
  return pick({ ...fields, ...json }, names);
}

export function missionTable(as: As) {
  const all = async ({ status, limit, offset = 0 }: MissionFilter = {}): Promise<Mission[]> => {
    const found: Mission[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const size = Math.min(limits.pageSize, limit === undefined ? limits.pageSize : limit - found.length);
      if (size <= 0) break;
      const input = { status, cursor, limit: size, offset: cursor === '' ? offset : 0 };
      const page: z.output<typeof missions.list.output> = await as()(missions.list, input);
      found.push(...page.missions.map(missionOf));
      cursor = page.nextCursor;
    }
    return found;
  };
  return {
    async create(fields: Fields): Promise<Mission> {
      const { status: _, result: __, verdict: ___, ...input } = read(fields, missionFields);
      return missionOf(await as()(missions.create, input));
    },
    async getById(id: string): Promise<Mission | null> {
      const mission = await as()(missions.get, { id });
      return mission && missionOf(mission);
    },
    /** The oldest first. */
    getAll: all,
    getByStatus: (status: string): Promise<Mission[]> => all({ status }),
    /** Also its state: `completed` only where each sortie is completed or cancelled. */
    async update(id: string, fields: Fields): Promise<Mission | null> {
      const mission = await as()(missions.update, { id, ...read(fields, missionFields) });
      return mission && missionOf(mission);
    },
    async complete(id: string, result?: unknown): Promise<Mission | null> {
      const mission = await as()(missions.complete, { id, result });
      return mission && missionOf(mission);
    },
    /** With its sorties and checkpoints. Whether there was one. */
    delete: async (id: string): Promise<boolean> => (await as()(missions.remove, { id })).removed,
  };
}

const sortieFields = {
  title: 'title',
  description: 'description',
  assigned_to: 'assignedTo',
  priority: 'priority',
  files: 'files',
  metadata: 'metadata',
};

const changeable = {
  ...sortieFields,
  status: 'status',
  progress: 'progress',
  progress_notes: 'progressNotes',
  blocked_by: 'blockedBy',
  blocked_reason: 'blockedReason',
  close_reason: 'closeReason',
  verdict: 'verdict',
  result: 'result',
};

type Changed = z.output<typeof sorties.update.output>;

export function sortieTable(as: As, copies: CheckpointCopies | undefined) {
  const all = async ({
    mission_id,
    status,
    assigned_to,
    limit,
    offset = 0,
  }: SortieFilter = {}): Promise<Sortie[]> => {
    const found: Sortie[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const size = Math.min(limits.pageSize, limit === undefined ? limits.pageSize : limit - found.length);
      if (size <= 0) break;
      const filter = { missionId: mission_id, status, assignedTo: assigned_to };
      const input = { ...filter, cursor, limit: size, offset: cursor === '' ? offset : 0 };
      const page: z.output<typeof sorties.list.output> = await as()(sorties.list, input);
      found.push(...page.sorties.map(sortieOf));
      cursor = page.nextCursor;
    }
    return found;
  };
  /** The checkpoint that a change was the occasion of gets its copy. */
  const changed = async (change: Promise<Changed>): Promise<Sortie | null> => {
    const outcome = await change;
    if (outcome?.checkpoint) await copies?.write(outcome.checkpoint, true);
    return outcome && sortieOf(outcome.sortie);
  };
  const assigneeOf = async (id: string) => (await as()(sorties.get, { id }))?.assignedTo ?? undefined;
  return {
    async create(fields: Fields): Promise<Sortie> {
      const input = read(fields, { ...sortieFields, mission_id: 'missionId' });
      return sortieOf((await as()(sorties.create, input)).sortie);
    },
    async getById(id: string): Promise<Sortie | null> {
      const sortie = await as()(sorties.get, { id });
      return sortie && sortieOf(sortie);
    },
    getAll: all,
    getByMission: (mission_id: string): Promise<Sortie[]> => all({ mission_id }),
    getByStatus: (status: string): Promise<Sortie[]> => all({ status }),
    update: (id: string, fields: Fields): Promise<Sortie | null> => {
      const taken = fields['assigned_to'] === null ? { assignedTo: null } : {};
      return changed(as()(sorties.update, { id, ...read(fields, changeable), ...taken }));
    },
    start: (id: string, specialist: string): Promise<Sortie | null> =>
      changed(as(specialist)(sorties.start, { id })),
    progress: async (id: string, progress: number, notes?: string): Promise<Sortie | null> =>
      await changed(as(await assigneeOf(id))(sorties.progress, { id, progress, notes })),
    complete: async (id: string, result?: unknown): Promise<Sortie | null> =>
      await changed(as(await assigneeOf(id))(sorties.complete, { id, result })),
    block: async (id: string, fields: Fields): Promise<Sortie | null> => {
      const names = { blocked_reason: 'reason', blocked_by: 'blockedBy', blocker_type: 'blockerType' };
      return await changed(as(await assigneeOf(id))(sorties.block, { id, ...pick(fields, names) }));
    },
    delete: async (id: string): Promise<boolean> => (await as()(sorties.remove, { id })).removed,
  };
}
