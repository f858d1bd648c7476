import * as locks from '../../../domains/locks/operations.ts';
import { isRookeryError } from '../../../kernel/errors.ts';
import { ok, Refused } from '../answers.ts';
import { type Endpoint, isText } from '../exchange.ts';
import { everyLock, lockById } from '../locks.ts';
import { type Lock, lockOf } from '../shapes.ts';
import { acquireFor } from './locks.ts';

/** Reservations: locks without an expiry, in the shape and under the names of the protocol before Squawk's. */

function reservationOf(lock: Lock) {
  const { id, file, reserved_by, reserved_at, released_at, purpose, checksum } = lock;
  return { id, file, reserved_by, reserved_at, released_at, purpose, checksum };
}

const list: Endpoint = {
  method: 'GET',
  path: /^\/api\/v1\/ctk\/reservations$/,
  failure: 'Failed to list reservations',
  async run(exchange) {
    const held = await everyLock(exchange.invoke, { status: 'active' });
    return ok({ reservations: held.map(reservationOf) });
  },
};

const reserve: Endpoint = {
  method: 'POST',
  path: /^\/api\/v1\/ctk\/reserve$/,
  failure: 'Failed to reserve file',
  async run(exchange) {
    const { file, specialist_id, purpose, checksum, metadata } = await exchange.body();
    const { lock } = await acquireFor(exchange, specialist_id, {
      file,
      timeoutMs: null,
      purpose: purpose ?? undefined,
      checksum: checksum ?? undefined,
      metadata: metadata ?? undefined,
    });
    return { status: 201, body: { reservation: reservationOf(lock) } };
  },
};

const notFound = () => new Refused(404, 'Reservation not found');

/** The request names nobody: who may take the holder's place does, anybody else must be the holder. */
const release: Endpoint = {
  method: 'POST',
  path: /^\/api\/v1\/ctk\/release$/,
  failure: 'Failed to release reservation',
  async run(exchange) {
    const { reservation_id: id, specialist_id } = await exchange.body();
    if (!isText(id)) throw new Refused(400, 'reservation_id is required');
    const held = await lockById(exchange.invoke, id).catch((error: unknown) => {
      throw isRookeryError(error, 'INVALID_INPUT') ? notFound() : error;
    });
    if (!held) throw notFound();
    const named = isText(specialist_id) ? specialist_id : undefined;
    try {
      if (named !== undefined || exchange.mayActAs) await exchange.actAs(named ?? held.reserved_by);
      const { lease } = await exchange.invoke(locks.release, { lease: id });
      return ok({ reservation: reservationOf(lockOf(lease, { id })) });
    } catch (error) {
      if (isRookeryError(error, 'FORBIDDEN'))
        throw new Refused(403, 'Cannot release reservation: wrong specialist');
      if (!isRookeryError(error, 'LEASE_LOST')) throw error;
      const lost = await lockById(exchange.invoke, id);
      throw new Refused(409, 'Reservation is no longer held', { reservation: lost && reservationOf(lost) });
    }
  },
};

export const reservations: readonly Endpoint[] = [list, reserve, release];
