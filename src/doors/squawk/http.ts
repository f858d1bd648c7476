import type { Principal } from '../../kernel/access/model.ts';
import type { Store } from '../../kernel/store.ts';
import { type Door, type DoorCall, routes } from '../http/app.ts';
import { type Answer, answerTo } from './answers.ts';
import { CheckpointCopies } from './copies.ts';
import { type Endpoint, Exchange } from './exchange.ts';
import type { Invoke } from './invoke.ts';
import { releaseExpired } from './locks.ts';
import { checkpointEndpoints } from './routes/checkpoints.ts';
import { reservations } from './routes/ctk.ts';
import { cursors } from './routes/cursors.ts';
import { eventEndpoints } from './routes/events.ts';
import { lockEndpoints } from './routes/locks.ts';
import { mailboxes } from './routes/mailboxes.ts';
import { missionEndpoints } from './routes/missions.ts';
import { sortieEndpoints } from './routes/sorties.ts';
import { specialists } from './routes/specialists.ts';
import { coordinator } from './routes/status.ts';
import { Sweep } from './sweep.ts';

export interface SquawkDoorOptions {
  /** Origins of web pages that are told they may read the answers. */
  readonly allowedOrigins?: readonly string[];
  /** Hears of every failure that is the server's own, with the request's id. */
  readonly onFailure?: (error: unknown, requestId: string) => void;
  /** Who sweeps, in the ledger. */
  readonly agent?: string;
  /** Hears how many locks a sweep released, when there were any. */
  readonly onSweep?: (released: number) => void;
  /** The folder for copies of checkpoints; none where it is left out. */
  readonly flightline?: string | undefined;
}

const endpoints: readonly Endpoint[] = [
  ...mailboxes,
  ...cursors,
  ...specialists,
  ...missionEndpoints,
  ...sortieEndpoints,
  ...checkpointEndpoints,
  ...eventEndpoints,
  ...lockEndpoints,
  ...reservations,
  ...coordinator,
];

/** Answered beside this door; what it adds is the other methods of the path. */
const health = /^\/health$/;

/**
 * The server of seed 002 as a door on the common port: its paths, shapes, statuses and sentences. It also runs the
 * seed's sweep of expired locks, until it is closed.
 */
export function squawkDoor(store: Store, options: SquawkDoorOptions = {}): { door: Door; close(): void } {
  const { allowedOrigins = [], agent = 'squawk', onSweep, onFailure } = options;
  const principal: Principal = { project: 'default', agent, rights: new Set(['write']) };
  const sweeping: Invoke = async (operation, input) =>
    (await store.invoke(operation, principal, input)).output as never;
  const sweep = new Sweep(() => releaseExpired(sweeping), {
    released: (count) => onSweep?.(count),
    failed: (error) => onFailure?.(error, 'sweep'),
  });
  const copies =
    options.flightline === undefined
      ? undefined
      : new CheckpointCopies(options.flightline, (error) => onFailure?.(error, 'checkpoint copy'));
  return {
    door: async (call) => {
      const answer = await respond(store, call, options, copies);
      return answer && render(answer, call, allowedOrigins);
    },
    close: () => sweep.close(),
  };
}

async function respond(
  store: Store,
  call: DoorCall,
  { onFailure }: SquawkDoorOptions,
  copies: CheckpointCopies | undefined,
): Promise<Answer | undefined> {
  const { path, request, requestId } = call;
  const own = endpoints.filter((endpoint) => endpoint.path.test(path));
  if (own.length === 0 && !health.test(path)) return undefined;
  if (request.method === 'OPTIONS') return { status: 200 };
  const endpoint = own.find(({ method }) => method === request.method);
  if (!endpoint) return elsewhere(call) ? undefined : { status: 405, body: { error: 'Method not allowed' } };
  try {
    return await endpoint.run(await Exchange.begin(store, call, endpoint, copies));
  } catch (error) {
    return answerTo(error, endpoint.failure, (failure) => onFailure?.(failure, requestId));
  }
}

/** Whether an operation has this method on the same path. */
function elsewhere({ path, request }: DoorCall): boolean {
  return routes.some((route) => route.method === request.method && route.pattern.test(path));
}

function render(answer: Answer, { request }: DoorCall, allowedOrigins: readonly string[]): Response {
  const headers = new Headers(answer.headers);
  const origin = request.headers.get('origin');
  if (origin !== null && allowedOrigins.includes(origin)) {
    headers.set('Access-Control-Allow-Origin', origin);
    headers.set('Access-Control-Allow-Methods', 'GET, POST, PUT, PATCH, DELETE, OPTIONS');
    headers.set('Access-Control-Allow-Headers', 'Content-Type, Authorization, Idempotency-Key');
    headers.set('Vary', 'Origin');
  }
  if (answer.body === undefined) return new Response(null, { status: answer.status, headers });
  headers.set('Content-Type', 'application/json');
  return new Response(JSON.stringify(answer.body), { status: answer.status, headers });
}
