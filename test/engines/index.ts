import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, afterEach, describe, expect, inject, it } from 'vitest';
import { givenSecrets } from '../../src/folder.ts';
import { PostgresEngine } from '../../src/kernel/engines/postgres/engine.ts';
import { openOver, openRookery, type Rookery, type RookeryOptions } from '../../src/rookery.ts';
import { Embedded } from './pglite.ts';
import { dropping, Schemas, type Superuser } from './reset.ts';
import { required } from './services.ts';

export type EngineName = 'sqlite' | 'pglite' | 'postgres';

/** What a conformance suite gets: fresh stores on one engine, closed and removed after each test. */
export interface Harness {
  readonly engine: EngineName;
  /** Opens a new store. Its tables may be there already, with nothing in them. */
  open(options?: RookeryOptions): Promise<Rookery>;
  /** Opens a store of which nothing is there. */
  openFirst(options?: RookeryOptions): Promise<Rookery>;
  /** Opens the store that was opened last a second time, as another process would. */
  again(options?: RookeryOptions): Promise<Rookery>;
}

/** A place for stores: a kind of database, and how to open and remove one in it. */
interface Place {
  /** Names a store of which nothing is there. */
  fresh(): string;
  /** Names one whose tables may be there, empty. */
  take(): string;
  open(store: string, options: RookeryOptions): Promise<Rookery>;
  /** Makes it as if it had never been used. */
  giveBack(store: string): Promise<void>;
  remove(store: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * Runs a suite on every engine there is; one that is not on this machine is reported by name. An embedded Postgres stands in
 * where no server is found: beside one it would run the same code over the same dialect once more, for a third of the
 * whole time. `standIn` runs it in any case, so that the stand-in itself is never untested; ROOKERY_ENGINES=all does so
 * for every suite.
 */
export function onEveryEngine(
  title: string,
  suite: (harness: Harness) => void,
  { standIn = process.env['ROOKERY_ENGINES'] === 'all' }: { readonly standIn?: boolean } = {},
): void {
  describe(`${title} on sqlite`, () => suite(harnessOn('sqlite', files())));
  if (standIn || !serverFound()) describe(`${title} on pglite`, () => suite(harnessOn('pglite', embedded())));
  onServer(title, ({ harness }) => suite(harness));
}

function serverFound(): boolean {
  const postgres = inject('postgres');
  return postgres !== undefined && 'url' in postgres;
}

/** What a suite gets that is about a real server only. */
export interface ServerHarness {
  readonly harness: Harness;
  /** The server, as its superuser. */
  readonly url: string;
  /** The URL of a store that does not exist yet; removed after the test. */
  fresh(): string;
}

/** Runs a suite on a real Postgres server alone. Where there is none, it is reported by name. */
export function onServer(title: string, suite: (server: ServerHarness) => void): void {
  describe(`${title} on postgres`, () => {
    const postgres = inject('postgres');
    if (postgres && 'url' in postgres) return suite(serverHarness(postgres.url));
    const why = postgres?.missing ?? 'this project starts no server';
    it.skipIf(!required)(`not run: ${why}`, () => expect.fail(why));
  });
}

function serverHarness(url: string): ServerHarness {
  const place = server(url);
  const schemas: string[] = [];
  afterEach(async () => {
    for (const schema of schemas.splice(0)) await place.remove(schema);
  });
  const fresh = () => {
    schemas.push(place.fresh());
    return `${url}?schema=${schemas.at(-1)}`;
  };
  return { harness: harnessOn('postgres', place), url, fresh };
}

function harnessOn(engine: EngineName, place: Place): Harness {
  const opened: Rookery[] = [];
  const stores: string[] = [];
  afterEach(async () => {
    for (const rookery of opened.splice(0)) await rookery.close();
    for (const store of stores.splice(0)) await place.giveBack(store);
  });
  afterAll(() => place.close());
  const open = async (options: RookeryOptions = {}) => {
    const rookery = await place.open(stores.at(-1)!, options);
    opened.push(rookery);
    return rookery;
  };
  return {
    engine,
    open: (options) => {
      stores.push(place.take());
      return open(options);
    },
    openFirst: (options) => {
      stores.push(place.fresh());
      return open(options);
    },
    again: open,
  };
}

function files(): Place {
  const fresh = () => mkdtempSync(join(tmpdir(), 'rookery-'));
  const remove = async (folder: string) => rmSync(folder, { recursive: true, force: true });
  return {
    fresh,
    take: fresh,
    open: (path, options) => openRookery({ path, ...options }),
    giveBack: remove,
    remove,
    close: async () => {},
  };
}

export const masterKey: Uint8Array = Buffer.alloc(32, 'the root key of all test stores');
const freshSchema = () => `test_${randomBytes(8).toString('hex')}`;

/** One for all suites of this process: it takes seconds to start, and runs faster the longer it has run. */
let started: Promise<Embedded> | undefined;
const embeddedSchemas = new Schemas();

function embedded(): Place {
  const schemas = embeddedSchemas;
  const database = () => {
    started ??= Embedded.start();
    return started;
  };
  return {
    fresh: freshSchema,
    take: () => schemas.take(freshSchema),
    open: async (schema, { durability = 'full', ...options }) => {
      const server = await database();
      const engine = await PostgresEngine.open({
        schema,
        location: `pglite:${schema}`,
        durability,
        durable: false,
        connect: async (configure) => server.clients(configure),
      });
      return await openOver({ engine, ...givenSecrets({ masterKey, ...options }) }, options);
    },
    giveBack: async (schema) =>
      (await database()).asSuperuser((superuser) => schemas.giveBack(schema, superuser)),
    remove: async (schema) => (await database()).asSuperuser(({ script }) => script(dropping(schema))),
    close: async () => {},
  };
}

const serverSchemas = new Schemas();

function server(url: string): Place {
  const schemas = serverSchemas;
  let connected: Promise<Client> | undefined;
  const superuser = async (): Promise<Superuser> => {
    connected ??= connect(url);
    const client = await connected;
    return {
      rows: async (sql) => (await client.query<Record<string, unknown>>(sql)).rows,
      script: async (sql) => {
        await client.query(sql);
      },
    };
  };
  return {
    fresh: freshSchema,
    take: () => schemas.take(freshSchema),
    open: (schema, options) => openRookery({ url: `${url}?schema=${schema}`, masterKey, ...options }),
    giveBack: async (schema) => schemas.giveBack(schema, await superuser()),
    remove: async (schema) => (await superuser()).script(dropping(schema)),
    close: async () => {
      await (await connected)?.end();
      connected = undefined;
    },
  };
}

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return client;
}
