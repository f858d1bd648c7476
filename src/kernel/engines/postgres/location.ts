import { invalid } from '../../errors.ts';

/** Where a store lies on a server. */
export interface Location {
  /** The URL for the driver, without what is ours. */
  readonly connection: string;
  /** The tables' own schema: several stores may share a database, and none meets a table of another program. */
  readonly schema: string;
  /** For people: never with the password. */
  readonly shown: string;
}

const defaultSchema = 'rookery';
const schemaName = /^(?!pg_)[a-z_][a-z0-9_]{0,62}$/;
const accepted = 'postgres://user:password@host:5432/database?schema=name';

/** Reads `postgres://…`; `schema` is our own parameter, all others are the driver's. */
export function locate(text: string): Location {
  // A URL that cannot be read may still contain a password: it is not repeated.
  if (!URL.canParse(text)) throw invalid('url', accepted);
  const url = new URL(text);
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') throw invalid('url', accepted);
  const schema = url.searchParams.get('schema') ?? defaultSchema;
  if (!schemaName.test(schema)) {
    throw invalid('url', 'schema in lower case letters, digits and "_", at most 63, not starting with "pg_"');
  }
  url.searchParams.delete('schema');
  const host = url.searchParams.get('host') ?? url.host;
  const user = url.username === '' ? '' : `${url.username}@`;
  return { connection: url.href, schema, shown: `postgres://${user}${host}${url.pathname}?schema=${schema}` };
}
