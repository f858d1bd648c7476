/** What a reset needs of a connection, as the superuser. */
export interface Superuser {
  rows(sql: string): Promise<Record<string, unknown>[]>;
  script(sql: string): Promise<void>;
}

/**
 * Schemas that were used and are empty again. Making the tables of a store anew for each of a thousand tests takes four
 * times as long as emptying them; a schema that a test has changed is not used again.
 */
export class Schemas {
  readonly #free: string[] = [];
  #shape: string | undefined;

  /** The name of one that is empty: new, or as good as new. */
  take(fresh: () => string): string {
    return this.#free.pop() ?? fresh();
  }

  /** Empties a schema for the next test, or removes it where it is not what migrations make. */
  async giveBack(schema: string, superuser: Superuser): Promise<void> {
    const shape = await shapeOf(schema, superuser);
    this.#shape ??= shape;
    if (shape === undefined || shape !== this.#shape) return await superuser.script(dropping(schema));
    await superuser.script(await emptying(schema, superuser));
    this.#free.push(schema);
  }
}

export const dropping = (schema: string): string => `DROP SCHEMA IF EXISTS "${schema}" CASCADE`;

/** Everything that migrations make, in one text; undefined where there are no steps. */
async function shapeOf(schema: string, { rows }: Superuser): Promise<string | undefined> {
  const [there] = await rows(`SELECT to_regclass('"${schema}".schema_migrations') IS NOT NULL AS there`);
  if (!there!['there']) return undefined;
  const [shape] = await rows(`
    SELECT (SELECT string_agg(concat(number, name, breaking), ',' ORDER BY number) FROM "${schema}".schema_migrations) ||
      (SELECT md5(string_agg(concat(c.relkind, c.relname, a.attname, a.atttypid, a.attnotnull), ',' ORDER BY c.relname, a.attnum))
       FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 WHERE c.relnamespace = '"${schema}"'::regnamespace) ||
      (SELECT md5(COALESCE(string_agg(concat(c.relname, t.tgname, t.tgenabled), ',' ORDER BY c.relname, t.tgname), ''))
       FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = '"${schema}"'::regnamespace AND NOT t.tgisinternal) ||
      (SELECT md5(string_agg(concat(conname, pg_get_constraintdef(oid)), ',' ORDER BY conname))
       FROM pg_constraint WHERE connamespace = '"${schema}"'::regnamespace) AS shape`);
  return String(shape!['shape']);
}

async function emptying(schema: string, { rows }: Superuser): Promise<string> {
  const relations = await rows(`
    SELECT relname AS name, relkind AS kind FROM pg_class
    WHERE relnamespace = '"${schema}"'::regnamespace AND relkind IN ('r', 'S') AND relname <> 'schema_migrations'`);
  const clear = relations.map(({ name, kind }) =>
    kind === 'S' ? `ALTER SEQUENCE "${schema}"."${name}" RESTART` : `DELETE FROM "${schema}"."${name}"`,
  );
  return [
    'BEGIN',
    // Foreign keys and the triggers that keep the ledger from being changed stand aside.
    'SET LOCAL session_replication_role = replica',
    ...clear,
    // The one row that migrations write.
    `INSERT INTO "${schema}".store (name, value) VALUES ('epoch', '1')`,
    'COMMIT',
  ].join(';\n');
}
