import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { databaseName, dataFolderOf } from '../../folder.ts';
import { RookeryError } from '../../kernel/errors.ts';
import type { Operation } from '../../kernel/operation.ts';
import { openRookery, type Rookery } from '../../rookery.ts';
import type { RemoteCallOptions } from '../client/index.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly data?: string;
  readonly json?: boolean;
  readonly agent?: string | undefined;
  readonly project?: string;
  readonly url?: string;
}

/** Where a command's operations run: on the data folder itself, or on a server. */
export interface Session extends AsyncDisposable {
  call(operation: Operation, input: unknown, options?: RemoteCallOptions): Promise<unknown>;
}

export function dataFolder(options: GlobalOptions): string {
  return options.data ?? dataFolderOf(process.env);
}

/**
 * Opens the store in the data folder: also beside a running server, several processes share one file. What only reads
 * makes no store: a mistyped folder must not pass for an empty one.
 */
export async function openStore(options: GlobalOptions, create = false): Promise<Rookery> {
  const folder = dataFolder(options);
  if (!create && !existsSync(join(folder, databaseName))) {
    throw new RookeryError(
      'NOT_FOUND',
      `no store in ${folder}: start one with "rookery serve", or name it with --data`,
      { kind: 'store' },
    );
  }
  return await openRookery({
    path: dataFolder(options),
    ...(options.project !== undefined && { project: options.project }),
  });
}

export async function openSession(options: GlobalOptions, create = false): Promise<Session> {
  const url = options.url ?? (options.data === undefined ? process.env['ROOKERY_URL'] : undefined);
  return url === undefined ? await localSession(options, create) : await remoteSession(url, options);
}

async function localSession(options: GlobalOptions, create: boolean): Promise<Session> {
  const rookery = await openStore(options, create);
  const agent = options.agent ?? process.env['ROOKERY_AGENT'];
  // Who can open the folder holds its root key: without a name they are the operator, with one they are that agent.
  const view = agent === undefined ? rookery : rookery.as(agent);
  return {
    async call(operation, input, more = {}) {
      return (await rookery.store.invoke(operation, view.principal, input, more)).output;
    },
    [Symbol.asyncDispose]: () => rookery.close(),
  };
}

async function remoteSession(url: string, options: GlobalOptions): Promise<Session> {
  const { callRemote } = await import('../client/index.ts');
  const token = process.env['ROOKERY_TOKEN'];
  if (token === undefined) {
    throw new RookeryError(
      'UNAUTHENTICATED',
      'set ROOKERY_TOKEN to the token to use with --url or ROOKERY_URL',
    );
  }
  const { agent = process.env['ROOKERY_AGENT'], project } = options;
  return {
    call: (operation, input, more = {}) => callRemote({ url, token, agent, project }, operation, input, more),
    async [Symbol.asyncDispose]() {},
  };
}
