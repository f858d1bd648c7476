import type { ChildProcess } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import { type ServerType, serve } from '@hono/node-server';
import { Hono } from 'hono';
import { startServer } from '../../src/doors/http/server.ts';
import { ensureAdminToken } from '../../src/kernel/access/tokens.ts';
import { nextMessage, startChild } from '../child.ts';
import type { Load } from '../load.ts';
import { atLeast, type Bench, compared, count, inTurn } from '../measure.ts';
import { callers, noteOf, withStore } from '../stores.ts';

const value = JSON.stringify(noteOf(0));

export const httpBenches: readonly Bench[] = [
  httpBench('HTTP memory.set', 'PUT', '/api/v1/memory/bench/{round}-{i}', `{"value":${value}}`),
  httpBench(
    'HTTP mail.append',
    'POST',
    '/api/v1/mail/stream-{stream}/events',
    `{"events":[{"type":"note","data":${value}}]}`,
  ),
];

/** The same bytes on the same number of connections, to a route of the store and to one that does nothing. */
function httpBench(title: string, method: string, path: string, body: string): Bench {
  return {
    name: `${title}, ${callers} connections`,
    run(scale) {
      return withStore(async ({ rookery }) => {
        const token = await ensureAdminToken(rookery.store);
        const server = await startServer({ store: rookery.store, port: 0, host: '127.0.0.1', open: false });
        const empty = await serveEmpty();
        const generator = startChild('load.ts');
        try {
          await nextMessage(generator);
          const requests = count(8000, scale);
          const send = (port: number) => async (round: number) =>
            await loadOf(generator, {
              ...{ port, connections: callers, requests, method, body, token },
              path: path.replace('{round}', String(round)).replace('{stream}', String(round)),
            });
          const emptyPort = (empty.address() as AddressInfo).port;
          const result = await inTurn(scale.rounds, send(server.port), send(emptyPort));
          return compared(this.name, result, { floor: 'an empty hono route', target: atLeast(0.5) });
        } finally {
          generator.kill();
          empty.close();
          await server.close();
        }
      });
    },
  };
}

async function loadOf(generator: ChildProcess, load: Load): Promise<number> {
  generator.send(load);
  const answer = await nextMessage<{ microseconds: number } | { failure: string }>(generator);
  if ('failure' in answer) throw new Error(`the load failed: ${answer.failure}`);
  return answer.microseconds;
}

function serveEmpty(): Promise<ServerType> {
  const app = new Hono().all('*', (c) => c.json({ ok: true }));
  return new Promise((resolve) => {
    const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, () => resolve(server));
  });
}
