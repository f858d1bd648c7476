import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { RookeryError } from '../../kernel/errors.ts';
import type { Store } from '../../kernel/store.ts';
import { type Answered, type Door, httpApp } from './app.ts';
import { Metrics } from './metrics.ts';
import { isLoopback } from './security.ts';

export interface ServerOptions {
  readonly store: Store;
  /** 0 for any free one. */
  readonly port: number;
  readonly host: string;
  readonly open: boolean;
  readonly allowedOrigins?: readonly string[];
  readonly metrics?: Metrics;
  readonly doors?: readonly Door[];
  readonly onFailure?: (error: unknown, requestId: string) => void;
  readonly onAnswer?: (answer: Answered) => void;
}

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  /** Stops listening and ends open connections; the store stays open. */
  close(): Promise<void>;
}

/** Serves a store over HTTP. Resolves when it listens; rejects when the port is taken. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { store, host, open } = options;
  if (open && !isLoopback(host)) {
    throw new RookeryError('INVALID_INPUT', `open: only on a loopback host, not on ${host}`, {
      field: 'open',
      host,
    });
  }
  const metrics = options.metrics ?? new Metrics();
  metrics.watch(store);
  // The port is known only once listening when 0 was asked for.
  const exposure = { host, port: options.port, open, allowedOrigins: options.allowedOrigins ?? [] };
  const app = httpApp({
    store,
    exposure,
    metrics,
    doors: options.doors,
    onFailure: options.onFailure ?? (() => {}),
    onAnswer: options.onAnswer,
  });
  const server = await listen(app.fetch, host, options.port);
  exposure.port = (server.address() as AddressInfo).port;
  const shown = host.includes(':') ? `[${host}]` : host;
  return {
    url: `http://${shown}:${exposure.port}`,
    port: exposure.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}

function listen(fetch: Parameters<typeof serve>[0]['fetch'], host: string, port: number) {
  return new Promise<ReturnType<typeof serve>>((resolve, reject) => {
    const server = serve({ fetch, hostname: host, port }, () => resolve(server));
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') {
        reject(
          new RookeryError('UNAVAILABLE', `port ${port} on ${host} is taken: choose another with --port`, {
            port,
            host,
          }),
        );
      } else {
        reject(error);
      }
    });
  });
}
