import * as checkpoints from '../../../domains/missions/checkpoints.ts';
import { isRookeryError } from '../../../kernel/errors.ts';
import { type Answer, ok, Refused } from '../answers.ts';
import {
  find,
  latest,
  prune as pruneAll,
  recover as recoverFrom,
  remove as removeOne,
  take,
} from '../checkpoints.ts';
import { type Endpoint, type Exchange, isText } from '../exchange.ts';
import { numberIn, orMissing, pick, textIn } from '../fields.ts';
import { checkpointOf, restoreResultOf } from '../mission-shapes.ts';
import { missionNotFound } from './missions.ts';

const notFound = () => new Refused(404, 'Checkpoint not found');

const create: Endpoint = {
  method: 'POST',
  path: /^\/api\/v1\/checkpoints$/,
  failure: 'Failed to create checkpoint',
  async run(exchange) {
    const body = await exchange.body();
    if (!isText(body['mission_id'])) throw new Refused(400, 'mission_id is required');
    const by = body['created_by'] ?? 'unknown';
    if (isText(body['created_by'])) await exchange.speakFor(body['created_by']);
    const made = await take(exchange.invoke, { ...body, created_by: by }, exchange.copies).catch(refuseNew);
    const checkpoint = checkpointOf(made);
    return { status: 201, body: { checkpoint, success: true, data: checkpoint } };
  },
};

function refuseNew(error: unknown): never {
  if (isRookeryError(error, 'NOT_FOUND')) throw missionNotFound();
  if (!isRookeryError(error, 'INVALID_INPUT')) throw error;
  const field = error.details['field'];
  if (field === 'missionId') throw missionNotFound();
  if (field === 'trigger') throw new Refused(400, 'trigger must be progress, error, manual or compaction');
  if (field === 'progressPercent') throw new Refused(400, 'progress_percent must be between 0 and 100');
  throw error;
}

const list: Endpoint = {
  method: 'GET',
  path: /^\/api\/v1\/checkpoints$/,
  failure: 'Failed to list checkpoints',
  async run(exchange) {
    const missionId = textIn(exchange, 'mission_id');
    if (missionId === undefined) throw new Refused(400, 'mission_id parameter is required');
    const limit = numberIn(exchange, 'limit', 10, 100) || 10;
    const { checkpoints: rows, total } = await exchange.invoke(checkpoints.list, { missionId, limit });
    const data = rows.map(checkpointOf);
    return ok({ checkpoints: data, total, success: true, data, count: data.length });
  },
};

function answer(found: Parameters<typeof checkpointOf>[0]): Answer {
  const checkpoint = checkpointOf(found);
  return ok({ checkpoint, success: true, data: checkpoint });
}

const newest: Endpoint = {
  method: 'GET',
  path: /^\/api\/v1\/checkpoints\/latest\/([^/]+)$/,
  failure: 'Failed to get checkpoint',
  async run(exchange) {
    const missing = () => new Refused(404, 'No checkpoints found for mission');
    const missionId = exchange.parameter(missing());
    const found = latest(exchange.invoke, missionId, exchange.copies).catch((error: unknown) => {
      throw isRookeryError(error, 'INVALID_INPUT') ? missing() : error;
    });
    return answer(await orMissing(found, missing));
  },
};

const get: Endpoint = {
  method: 'GET',
  path: /^\/api\/v1\/checkpoints\/(?!prune$)([^/]+)$/,
  failure: 'Failed to get checkpoint',
  async run(exchange) {
    const id = exchange.parameter(notFound());
    return answer(await orMissing(find(exchange.invoke, id, exchange.copies), notFound));
  },
};

/** Under both of its names, with both spellings of the options. */
function recovery(path: RegExp): Endpoint {
  return {
    method: 'POST',
    path,
    failure: 'Failed to recover from checkpoint',
    async run(exchange) {
      const id = exchange.parameter(notFound());
      const body = exchange.hasBody ? await exchange.body() : {};
      const continuedBy = isText(body['agent_id']) ? body['agent_id'] : undefined;
      const how = {
        dryRun: flag(body, 'dry_run', 'dryRun'),
        force: flag(body, 'force', 'forceLocks'),
        continuedBy,
      };
      const recovered = await orMissing(recoverFrom(exchange.invoke, { id }, how, exchange.copies), notFound);
      const { checkpoint_id, mission_id, success, recovery_context, restored, errors, warnings } =
        restoreResultOf(recovered);
      const told = { success, recovery_context, restored, errors, warnings, checkpoint_id, mission_id };
      return { status: success ? 200 : 207, body: { ...told, dry_run: how.dryRun } };
    },
  };
}

function flag(body: Readonly<Record<string, unknown>>, ...names: string[]): boolean {
  const value = names.map((name) => body[name]).find((given) => given !== undefined && given !== null);
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw new Refused(400, `${names[0]} must be true or false`);
}

const remove: Endpoint = {
  method: 'DELETE',
  path: /^\/api\/v1\/checkpoints\/([^/]+)$/,
  failure: 'Failed to delete checkpoint',
  async run(exchange) {
    const id = exchange.parameter(notFound());
    const removed = await orMissing(removeOne(exchange.invoke, id, exchange.copies), notFound);
    if (!removed) throw notFound();
    return { status: 204 };
  },
};

const prune: Endpoint = {
  method: 'POST',
  path: /^\/api\/v1\/checkpoints\/prune$/,
  failure: 'Failed to prune checkpoints',
  async run(exchange: Exchange) {
    const body = exchange.hasBody ? await exchange.body() : {};
    const names = {
      older_than_days: 'olderThanDays',
      keep_per_mission: 'keepPerMission',
      mission_id: 'missionId',
      dry_run: 'dryRun',
    };
    const { deleted, freedBytes, details } = await pruneAll(
      exchange.invoke,
      pick(body, names),
      exchange.copies,
    );
    return ok({
      deleted,
      freed_bytes: freedBytes,
      details: details.map(({ id, missionId }) => ({ id, mission_id: missionId })),
    });
  },
};

export const checkpointEndpoints: readonly Endpoint[] = [
  create,
  list,
  newest,
  prune,
  get,
  recovery(/^\/api\/v1\/checkpoints\/([^/]+)\/recover$/),
  recovery(/^\/api\/v1\/checkpoints\/([^/]+)\/resume$/),
  remove,
];
