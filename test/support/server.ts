import { request } from 'node:http';
import { afterEach } from 'vitest';
import { type RunningServer, type ServerOptions, startServer } from '../../src/doors/http/server.ts';
import { ensureAdminToken } from '../../src/kernel/access/tokens.ts';
import { openRookery, type Rookery } from '../../src/rookery.ts';
import { temporaryFolder } from './processes.ts';

export interface TestServer {
  readonly rookery: Rookery;
  readonly server: RunningServer;
  readonly url: string;
  readonly adminToken: string;
  readonly failures: unknown[];
  /** A request with the admin token, or with what `headers` says. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: answers of every route, read by tests
  readonly body: any;
}

const running: { server: RunningServer; rookery: Rookery }[] = [];

afterEach(async () => {
  for (const { server, rookery } of running.splice(0)) {
    await server.close();
    await rookery.close();
  }
});

/** A server in this process, on a real socket, over a store in a folder that is gone after the test. */
export async function testServer(options: Partial<ServerOptions> = {}): Promise<TestServer> {
  const rookery = await openRookery({ path: temporaryFolder() });
  const failures: unknown[] = [];
  const adminToken = await ensureAdminToken(rookery.store);
  const server = await startServer({
    store: rookery.store,
    port: 0,
    host: '127.0.0.1',
    open: false,
    onFailure: (error) => failures.push(error),
    ...options,
  });
  running.push({ server, rookery });
  return {
    rookery,
    server,
    url: server.url,
    adminToken,
    failures,
    call: (method, path, body, headers = { Authorization: `Bearer ${adminToken}` }) =>
      call(server.url + path, method, body, headers),
  };
}

async function call(
  url: string,
  method: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: { ...(body !== undefined && { 'Content-Type': 'application/json' }), ...headers },
    body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : parse(text) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A request whose Host header `fetch` would not let a test set. */
export function rawRequest(
  server: RunningServer,
  method: string,
  path: string,
  headers: Record<string, string>,
  body = '',
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port: server.port,
        method,
        path,
        headers: { 'content-length': Buffer.byteLength(body), ...headers },
      },
      (incoming) => {
        let text = '';
        incoming.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body: text }));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
