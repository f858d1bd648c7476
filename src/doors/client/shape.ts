import { RookeryError } from '../../kernel/errors.ts';
import type { Operation } from '../../kernel/operation.ts';
import { camelCase, fromDoor, snakeCase, toDoor } from '../naming.ts';

/** How to put one operation on the wire and read its answer. */
export interface RemoteShape {
  request(input: unknown): { method: string; path: string; body?: string };
  answer(body: unknown): unknown;
  /** The operation answers null for what is absent. */
  readonly nullable: boolean;
}

export function compileClient(operation: Operation): RemoteShape {
  if (operation.route === null) {
    throw new RookeryError('NOT_FOUND', `${operation.name} is not offered over HTTP`);
  }
  const [method, template] = operation.route.split(' ') as [string, string];
  const rename = toDoor(operation.input);
  return {
    nullable: operation.output.safeParse(null).success,
    answer: fromDoor(operation.output),
    request(input) {
      const fields = { ...withDefaults(template, rename(input) as Record<string, unknown>) };
      const path = template.replace(/\{([a-z_]+)\}/g, (_, field: string) => {
        const value = fields[field];
        delete fields[field];
        return encodeURIComponent(String(value));
      });
      const given = Object.entries(fields).filter(([, value]) => value !== undefined);
      if (method !== 'GET') return { method, path, body: JSON.stringify(Object.fromEntries(given)) };
      const query = new URLSearchParams(
        Object.fromEntries(given.map(([field, value]) => [field, queryText(value)])),
      );
      return { method, path: query.size > 0 ? `${path}?${query}` : path };
    },
  };
}

/** A namespace is part of the path over HTTP and may be left out in code. */
function withDefaults(template: string, fields: Record<string, unknown>): Record<string, unknown> {
  return template.includes('{namespace}') && fields['namespace'] === undefined
    ? { ...fields, namespace: 'default' }
    : fields;
}

function queryText(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

export { camelCase, snakeCase };
