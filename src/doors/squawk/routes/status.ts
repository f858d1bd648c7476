import * as mail from '../../../domains/mail/operations.ts';
import { isoTime } from '../../../kernel/clock.ts';
import { ok } from '../answers.ts';
import type { Endpoint } from '../exchange.ts';
import { everyLock } from '../locks.ts';

const status: Endpoint = {
  method: 'GET',
  path: /^\/api\/v1\/coordinator\/status$/,
  failure: 'Failed to get status',
  async run(exchange) {
    const { streams } = await exchange.invoke(mail.count, {});
    const locks = await everyLock(exchange.invoke, { status: 'active' });
    return ok({ active_mailboxes: streams, active_locks: locks.length, timestamp: isoTime(exchange.now()) });
  },
};

export const coordinator: readonly Endpoint[] = [status];
