import * as locks from '../../../domains/locks/operations.ts';
import { isRookeryError } from '../../../kernel/errors.ts';
import { type Answer, ok, Refused } from '../answers.ts';
import { type Endpoint, type Exchange, isText } from '../exchange.ts';
import { acquire, everyLock, lockById, noteStale, type Wanted } from '../locks.ts';
import { type Lock, lockOf } from '../shapes.ts';

/** Acquires for the specialist that the request names, and says in the seed's words why not. */
export async function acquireFor(
  exchange: Exchange,
  specialist: unknown,
  wanted: Omit<Wanted, 'file'> & { readonly file: unknown },
): Promise<{ readonly lock: Lock; readonly renewed: boolean }> {
  const { file } = wanted;
  if (!isText(file) || !isText(specialist)) throw new Refused(400, 'file and specialist_id are required');
  await exchange.actAs(specialist);
  const acquired = await acquire(exchange.invoke, { ...wanted, file }).catch(refuseFields);
  if (!acquired.conflict) return acquired;
  const { id, ...lock } = acquired.existing;
  const shown = exchange.open || lock.reserved_by === exchange.agent ? { id, ...lock } : lock;
  throw new Refused(409, 'File already locked', { lock: shown });
}

function refuseFields(error: unknown): never {
  const field = isRookeryError(error, 'INVALID_INPUT') ? error.details['field'] : undefined;
  if (field === 'ttlMs') throw new Refused(400, 'timeout_ms must be an integer between 1 and 86400000');
  if (field === 'purpose') throw new Refused(400, 'purpose must be edit, read or delete');
  if (field === 'path') throw new Refused(400, (error as Error).message.replace(/^path: /, 'file must be '));
  throw error;
}

const acquireEndpoint: Endpoint = {
  method: 'POST',
  path: /^\/api\/v1\/lock\/acquire$/,
  failure: 'Failed to acquire lock',
  async run(exchange) {
    const body = await exchange.body();
    const { lock, renewed } = await acquireFor(exchange, body['specialist_id'] ?? body['reserved_by'], {
      file: body['file'],
      timeoutMs: body['timeout_ms'] ?? undefined,
      purpose: body['purpose'] ?? undefined,
      checksum: body['checksum'] ?? undefined,
      metadata: body['metadata'] ?? undefined,
    });
    return ok({ lock, renewed });
  },
};

const wrongSpecialist = () => new Refused(403, 'Cannot release lock: wrong specialist');

/** Runs what only the holder of a lock may do, as the specialist that the request names. */
async function byHolder(
  exchange: Exchange,
  body: Readonly<Record<string, unknown>>,
  act: (id: string) => Promise<Lock>,
): Promise<Answer> {
  const { lock_id: id, specialist_id } = body;
  if (!isText(id)) throw new Refused(400, 'lock_id is required');
  const specialist = specialist_id ?? body['reserved_by'];
  if (!(await lockById(exchange.invoke, id).catch(refuseId))) throw new Refused(404, 'Lock not found');
  if (!isText(specialist)) throw wrongSpecialist();
  try {
    await exchange.actAs(specialist);
    return ok({ lock: await act(id) });
  } catch (error) {
    if (isRookeryError(error, 'FORBIDDEN')) throw wrongSpecialist();
    if (isRookeryError(error, 'NOT_FOUND')) throw new Refused(404, 'Lock not found');
    if (!isRookeryError(error, 'LEASE_LOST')) throw error;
    const lock = await lockById(exchange.invoke, id);
    await noteStale(exchange.invoke, lock);
    throw new Refused(409, 'Lock is no longer held', { lock });
  }
}

function refuseId(error: unknown): never {
  throw isRookeryError(error, 'INVALID_INPUT') ? new Refused(404, 'Lock not found') : error;
}

const release: Endpoint = {
  method: 'POST',
  path: /^\/api\/v1\/lock\/release$/,
  failure: 'Failed to release lock',
  run: async (exchange) =>
    await byHolder(exchange, await exchange.body(), async (id) =>
      lockOf((await exchange.invoke(locks.release, { lease: id })).lease, { id }),
    ),
};

const renew: Endpoint = {
  method: 'POST',
  path: /^\/api\/v1\/lock\/renew$/,
  failure: 'Failed to renew lock',
  async run(exchange) {
    const body = await exchange.body();
    return await byHolder(exchange, body, async (id) => {
      const input = { lease: id, ttlMs: body['timeout_ms'] ?? undefined };
      return lockOf((await exchange.invoke(locks.renew, input).catch(refuseFields)).lease, { id });
    });
  },
};

const get: Endpoint = {
  method: 'GET',
  path: /^\/api\/v1\/lock\/(?!(?:acquire|release|renew)$)([^/]*)$/,
  failure: 'Failed to get lock',
  async run(exchange) {
    const id = exchange.parameter(new Refused(404, 'Lock not found'));
    const lock = await lockById(exchange.invoke, id).catch(refuseId);
    if (!lock) throw new Refused(404, 'Lock not found');
    return ok({ lock });
  },
};

const list: Endpoint = {
  method: 'GET',
  path: /^\/api\/v1\/locks$/,
  failure: 'Failed to list locks',
  run: async (exchange) => ok({ locks: await everyLock(exchange.invoke, { status: 'active' }) }),
};

export const lockEndpoints: readonly Endpoint[] = [acquireEndpoint, release, renew, get, list];
