import type { z } from 'zod';
import * as sorties from '../../../domains/missions/sorties.ts';
import { isRookeryError } from '../../../kernel/errors.ts';
import { limits } from '../../../kernel/limits.ts';
import type { Operation } from '../../../kernel/operation.ts';
import { type Answer, ok, Refused } from '../answers.ts';
import { type Endpoint, type Exchange, isText } from '../exchange.ts';
import { numberIn, orMissing, pick, textIn } from '../fields.ts';
import { sortieOf } from '../mission-shapes.ts';
import { missionNotFound } from './missions.ts';

const notFound = () => new Refused(404, 'Sortie not found');

const said = {
  title: 'title',
  description: 'description',
  assigned_to: 'assignedTo',
  priority: 'priority',
  files: 'files',
  metadata: 'metadata',
};

const create: Endpoint = {
  method: 'POST',
  path: /^\/api\/v1\/sorties$/,
  failure: 'Failed to create sortie',
  async run(exchange) {
    const body = await exchange.body();
    if (!isText(body['title'])) throw new Refused(400, 'title is required');
    const input = pick(body, { ...said, mission_id: 'missionId' });
    const { sortie } = await exchange.invoke(sorties.create, input).catch((error: unknown) => {
      const badId = isRookeryError(error, 'INVALID_INPUT') && error.details['field'] === 'missionId';
      throw isRookeryError(error, 'NOT_FOUND') || badId ? missionNotFound() : error;
    });
    return { status: 201, body: { sortie: sortieOf(sortie) } };
  },
};

const list: Endpoint = {
  method: 'GET',
  path: /^\/api\/v1\/sorties$/,
  failure: 'Failed to list sorties',
  async run(exchange) {
    const page = await exchange.invoke(sorties.list, {
      missionId: textIn(exchange, 'mission_id'),
      status: textIn(exchange, 'status'),
      assignedTo: textIn(exchange, 'assigned_to'),
      limit: numberIn(exchange, 'limit', 100, limits.pageSize),
      offset: numberIn(exchange, 'offset', 0, 1_000_000),
    });
    return ok({ sorties: page.sorties.map(sortieOf), total: page.total });
  },
};

const get: Endpoint = {
  method: 'GET',
  path: /^\/api\/v1\/sorties\/([^/]+)$/,
  failure: 'Failed to get sortie',
  async run(exchange) {
    const id = exchange.parameter(notFound());
    return ok({ sortie: sortieOf(await orMissing(exchange.invoke(sorties.get, { id }), notFound)) });
  },
};

/** Runs an operation on a sortie; the checkpoint that it was the occasion of gets its copy. */
async function change(
  exchange: Exchange,
  operation: Operation & { output: (typeof sorties.update)['output'] },
  input: object,
): Promise<Answer> {
  const id = exchange.parameter(notFound());
  const call = exchange.invoke(operation, { id, ...input }) as Promise<
    z.output<(typeof sorties.update)['output']>
  >;
  const { sortie, checkpoint } = await orMissing(call, notFound);
  if (checkpoint) await exchange.copies?.write(checkpoint, true);
  return ok({ sortie: sortieOf(sortie) });
}

const patch: Endpoint = {
  method: 'PATCH',
  path: /^\/api\/v1\/sorties\/([^/]+)$/,
  failure: 'Failed to update sortie',
  async run(exchange) {
    const body = await exchange.body();
    const fields = pick(body, {
      ...said,
      status: 'status',
      progress: 'progress',
      progress_notes: 'progressNotes',
      blocked_by: 'blockedBy',
      blocked_reason: 'blockedReason',
      close_reason: 'closeReason',
      verdict: 'verdict',
      result: 'result',
    });
    const taken = body['assigned_to'] === null ? { assignedTo: null } : {};
    return await change(exchange, sorties.update, { ...fields, ...taken }).catch(refuseProgress);
  },
};

const start: Endpoint = {
  method: 'POST',
  path: /^\/api\/v1\/sorties\/([^/]+)\/start$/,
  failure: 'Failed to start sortie',
  async run(exchange) {
    const { specialist_id: specialist } = await exchange.body();
    if (!isText(specialist)) throw new Refused(400, 'specialist_id is required');
    const id = exchange.parameter(notFound());
    await orMissing(exchange.invoke(sorties.get, { id }), notFound);
    try {
      await exchange.actAs(specialist);
      return await change(exchange, sorties.start, {});
    } catch (error) {
      if (isRookeryError(error, 'FORBIDDEN'))
        throw new Refused(403, 'Only the assigned specialist can start this sortie');
      throw error;
    }
  },
};

/** A client without a name speaks for whoever has the sortie. */
async function forAssignee(exchange: Exchange): Promise<void> {
  if (!exchange.nameless) return;
  const id = exchange.parameter(notFound());
  const { assignedTo } = await orMissing(exchange.invoke(sorties.get, { id }), notFound);
  if (assignedTo !== null) await exchange.speakFor(assignedTo);
}

function refuseProgress(error: unknown): never {
  if (isRookeryError(error, 'INVALID_INPUT') && error.details['field'] === 'progress')
    throw new Refused(400, 'progress must be between 0 and 100');
  throw error;
}

const progress: Endpoint = {
  method: 'POST',
  path: /^\/api\/v1\/sorties\/([^/]+)\/progress$/,
  failure: 'Failed to update progress',
  async run(exchange) {
    const body = await exchange.body();
    const input = {
      progress: body['progress'] ?? undefined,
      notes: body['notes'] ?? body['progress_notes'] ?? undefined,
    };
    await forAssignee(exchange);
    return await change(exchange, sorties.progress, input).catch(refuseProgress);
  },
};

const complete: Endpoint = {
  method: 'POST',
  path: /^\/api\/v1\/sorties\/([^/]+)\/complete$/,
  failure: 'Failed to complete sortie',
  async run(exchange) {
    const body = exchange.hasBody ? await exchange.body() : {};
    await forAssignee(exchange);
    return await change(exchange, sorties.complete, pick(body, { result: 'result' }));
  },
};

const block: Endpoint = {
  method: 'POST',
  path: /^\/api\/v1\/sorties\/([^/]+)\/block$/,
  failure: 'Failed to block sortie',
  async run(exchange) {
    const body = await exchange.body();
    if (!isText(body['blocked_reason'])) throw new Refused(400, 'blocked_reason is required');
    const names = { blocked_reason: 'reason', blocked_by: 'blockedBy', blocker_type: 'blockerType' };
    await forAssignee(exchange);
    return await change(exchange, sorties.block, pick(body, names));
  },
};

export const sortieEndpoints: readonly Endpoint[] = [
  create,
  list,
  get,
  patch,
  start,
  progress,
  complete,
  block,
];
