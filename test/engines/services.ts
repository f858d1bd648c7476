import type { TestProject } from 'vitest/node';
import { bundlePrograms } from '../support/programs.ts';
import { preparedFolder } from './pglite.ts';
import { findServer, startServer } from './server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A Postgres server for this run, or why there is none. */
    postgres: { readonly url: string } | { readonly missing: string };
    /** The folder of bundles, see `bundlePrograms`. */
    programs: string;
  }
}

/** Whether a service that is missing fails the run: the case where tests gate a change. */
export const required: boolean = process.env['ROOKERY_REQUIRE_SERVICES'] === '1';

/** One server for all test files of a run. */
export default async function startServices(project: TestProject): Promise<() => Promise<void>> {
  const installed = findServer();
  const [server, bundles] = await Promise.all([
    installed && startServer(installed),
    bundlePrograms(),
    preparedFolder(),
  ]);
  project.provide('programs', bundles);
  project.provide(
    'postgres',
    server ? { url: server.url } : { missing: 'no Postgres server found on this machine' },
  );
  return async () => {
    if (server) await server.stop();
  };
}
