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
import { required } from './services.ts';

export type EngineName = 'sqlite' | 'pglite' | 'postgres';

/** What a conformance suite gets: fresh stores on one engine, closed and removed after each test. */
export interface Harness {
  readonly engine: EngineName;
  /** Opens a new, empty store. */
  open(options?: RookeryOptions): Promise<Rookery>;
  /** Opens the store that was opened last a second time, as another process would. */
  again(options?: RookeryOptions): Promise<Rookery>;
}

/** A place for stores: a kind of database, and how to open and remove one in it. */
interface Place {
  fresh(): string;
  open(store: string, options: RookeryOptions): Promise<Rookery>;
  remove(store: string): Promise<void>;
  close(): Promise<void>;
}

/** Runs a suite on every engine there is. One that is not on this machine is reported by name. */
export function onEveryEngine(title: string, suite: (harness: Harness) => void): void {
  describe(`${title} on sqlite`, () => suite(harnessOn('sqlite', files())));
  describe(`${title} on pglite`, () => suite(harnessOn('pglite', embedded())));
  describe(`${title} on postgres`, () => {
    const postgres = inject('postgres');
    if (postgres && 'url' in postgres) return suite(harnessOn('postgres', server(postgres.url)));
    const why = postgres?.missing ?? 'this project starts no server';
    it.skipIf(!required)(`not run: ${why}`, () => expect.fail(why));
  });
}

function harnessOn(engine: EngineName, place: Place): Harness {
  const opened: Rookery[] = [];
  const stores: string[] = [];
  afterEach(async () => {
    for (const rookery of opened.splice(0)) await rookery.close();
    for (const store of stores.splice(0)) await place.remove(store);
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
      stores.push(place.fresh());
      return open(options);
    },
    again: open,
  };
}

function files(): Place {
  return {
    fresh: () => mkdtempSync(join(tmpdir(), 'rookery-')),
    open: (path, options) => openRookery({ path, ...options }),
    remove: async (folder) => rmSync(folder, { recursive: true, force: true }),
    close: async () => {},
  };
}

const masterKey = Buffer.alloc(32, 'the root key of all test stores');
const freshSchema = () => `test_${randomBytes(8).toString('hex')}`;

function embedded(): Place {
  let started: Promise<Embedded> | undefined;
  const database = () => {
    started ??= Embedded.start();
    return started;
  };
  return {
    fresh: freshSchema,
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
    remove: async (schema) => (await database()).drop(schema),
    close: async () => {
      await (await started)?.stop();
      started = undefined;
    },
  };
}

function server(url: string): Place {
  return {
    fresh: freshSchema,
    open: (schema, options) => openRookery({ url: `${url}?schema=${schema}`, masterKey, ...options }),
    remove: async (schema) => {
      const client = new Client({ connectionString: url });
      await client.connect();
      await client.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
      await client.end();
    },
    close: async () => {},
  };
}
