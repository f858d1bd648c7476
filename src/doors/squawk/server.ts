import { existsSync, readFileSync } from 'node:fs';
import { createSecretFile, memoryPath } from '../../folder.ts';
import { ensureAdminToken } from '../../kernel/access/tokens.ts';
import { invalid } from '../../kernel/errors.ts';
import { isLoopback } from '../http/security.ts';
import { startServer } from '../http/server.ts';
import { closeDatabase, flightlineBeside, initializeDatabase, openAt, pathOf } from './database.ts';
import { squawkDoor } from './http.ts';

export interface SquawkServerOptions {
  /** 0 for any free one; else `SQUAWK_PORT`, else 3000. */
  readonly port?: number;
  readonly host?: string;
  readonly dbPath?: string;
  /**
   * `open`: requests need no token and name who they are; on loopback only, and the default there. `token`: every
   * request presents one. The administrator's lies in `<database>.admin.token`; others are made at registration.
   */
  readonly auth?: 'open' | 'token';
  /** Web origins that may call; else those of `CORS_ALLOWED_ORIGINS`, separated by commas. */
  readonly corsOrigins?: readonly string[];
  readonly onReady?: (server: { readonly port: number; readonly url: string }) => void;
  /** Hears of every failure that is the server's own; clients are told a sentence. */
  readonly onRequestError?: (error: unknown, requestId: string) => void;
  /** Hears how many locks a sweep released, when there were any. Printed when left out. */
  readonly onSweep?: (released: number) => void;
  /** The folder for copies of checkpoints; `.flightline` beside the database when left out, none when false. */
  readonly flightline?: string | false;
}

export interface SquawkServer {
  readonly port: number;
  readonly url: string;
  /** Where the administrator's token is kept; not on an open server. */
  readonly adminTokenFile?: string;
  /** Stops the sweep and the listener. The database of `getAdapter()` stays open. */
  close(): Promise<void>;
}

/**
 * The server of seed 002 on its own. The database is open before it listens, and where it cannot be opened the server
 * does not start. It works through a connection of its own, so a transaction of the adapter in this process never holds
 * what a client was told is stored.
 */
export async function startSquawkServer(options: SquawkServerOptions = {}): Promise<SquawkServer> {
  const { host = '127.0.0.1', port = portOf(process.env['SQUAWK_PORT']) } = options;
  const open = (options.auth ?? (isLoopback(host) ? 'open' : 'token')) === 'open';
  const allowedOrigins = options.corsOrigins ?? originsOf(process.env['CORS_ALLOWED_ORIGINS']);
  const path = pathOf(options.dbPath);
  if (path === memoryPath) throw invalid('dbPath', 'a file: the server shares it with the module');
  const { flightline = flightlineBeside(path) } = options;
  await initializeDatabase(path, { flightline });
  const { store, close: closeStore } = await openAt(path);
  try {
    const adminTokenFile = open ? undefined : await adminTokenBeside(path, store);
    const squawk = squawkDoor(store, {
      allowedOrigins,
      ...(flightline !== false && { flightline }),
      onSweep: options.onSweep ?? ((released) => console.log(`Released ${released} expired locks`)),
      ...(options.onRequestError && { onFailure: options.onRequestError }),
    });
    const server = await startServer({
      store,
      host,
      port,
      open,
      allowedOrigins,
      doors: [squawk.door],
      ...(options.onRequestError && { onFailure: options.onRequestError }),
    }).catch((error: unknown) => {
      squawk.close();
      throw error;
    });
    const close = once(async () => {
      for (const signal of signals) process.off(signal, end);
      squawk.close();
      await server.close();
      await closeStore();
    });
    const end = () => void close().then(closeDatabase);
    for (const signal of signals) process.once(signal, end);
    const { url } = server;
    options.onReady?.({ port: server.port, url });
    return { port: server.port, url, ...(adminTokenFile && { adminTokenFile }), close };
  } catch (error) {
    await closeStore();
    throw error;
  }
}

const signals = ['SIGINT', 'SIGTERM'] as const;

function once(act: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= act();
    return done;
  };
}

async function adminTokenBeside(
  path: string,
  store: Parameters<typeof ensureAdminToken>[0],
): Promise<string> {
  const file = `${path}.admin.token`;
  if (!existsSync(file) || readFileSync(file, 'utf8').trim() === '')
    createSecretFile(file, `${await ensureAdminToken(store)}\n`);
  return file;
}

function portOf(text: string | undefined): number {
  const port = text === undefined || text === '' ? 3000 : Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw invalid('SQUAWK_PORT', 'a number from 0 to 65535');
  return port;
}

function originsOf(text = ''): string[] {
  return text
    .split(',')
    .map((origin) => origin.trim())
    .filter((origin) => origin !== '');
}
