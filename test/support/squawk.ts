import { afterEach } from 'vitest';
import { type RunningServer, startServer } from '../../src/doors/http/server.ts';
import { squawkDoor } from '../../src/doors/squawk/http.ts';
import { ensureAdminToken } from '../../src/kernel/access/tokens.ts';
import { openRookery, type Rookery } from '../../src/rookery.ts';
import { ManualClock } from './clock.ts';
import { temporaryFolder } from './processes.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers of every route, read by tests
  readonly body: any;
}

export interface SquawkServerUnderTest {
  readonly clock: ManualClock;
  readonly rookery: Rookery;
  readonly url: string;
  readonly adminToken: string;
  readonly failures: unknown[];
  /** Counts that sweeps reported. */
  readonly swept: number[];
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  /** A text is sent as it is, anything else as JSON. */
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Stops the server and its store, and starts both again on the same folder. */
  restart(): Promise<void>;
}

const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

interface Options {
  readonly open?: boolean;
  readonly allowedOrigins?: readonly string[];
}

/** The Squawk door on a real socket, over a store in a folder that is gone after the test, on a clock that tests move. */
export async function squawkServer(options: Options = {}): Promise<SquawkServerUnderTest> {
  const folder = temporaryFolder();
  const clock = new ManualClock();
  const failures: unknown[] = [];
  const swept: number[] = [];
  let current = await begin(folder, clock, options, { failures, swept });
  running.push({ stop: () => current.stop() });
  const send: SquawkServerUnderTest['send'] = async (method, path, body, headers) => {
    const response = await fetch(current.server.url + path, {
      method,
      headers: { ...(body !== undefined && { 'Content-Type': 'application/json' }), ...headers },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json');
    return { status: response.status, headers: response.headers, text, body: json ? JSON.parse(text) : text };
  };
  return {
    clock,
    failures,
    swept,
    get rookery() {
      return current.rookery;
    },
    get url() {
      return current.server.url;
    },
    get adminToken() {
      return current.adminToken;
    },
    send,
    get: (path, headers) => send('GET', path, undefined, headers),
    post: (path, body, headers) => send('POST', path, body, headers),
    async restart() {
      await current.stop();
      current = await begin(folder, clock, options, { failures, swept });
    },
  };
}

async function begin(
  folder: string,
  clock: ManualClock,
  { open = true, allowedOrigins = [] }: Options,
  heard: { failures: unknown[]; swept: number[] },
): Promise<{ rookery: Rookery; server: RunningServer; adminToken: string; stop(): Promise<void> }> {
  const rookery = await openRookery({ path: folder, clock });
  const adminToken = await ensureAdminToken(rookery.store);
  const squawk = squawkDoor(rookery.store, {
    allowedOrigins,
    onFailure: (error) => heard.failures.push(error),
    onSweep: (released) => heard.swept.push(released),
  });
  const server = await startServer({
    store: rookery.store,
    port: 0,
    host: '127.0.0.1',
    open,
    allowedOrigins,
    doors: [squawk.door],
    onFailure: (error) => heard.failures.push(error),
  });
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= (async () => {
      squawk.close();
      await server.close();
      await rookery.close();
    })();
    return stopping;
  };
  return { rookery, server, adminToken, stop };
}
