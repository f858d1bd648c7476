import type { z } from 'zod';
import { invalid } from '../kernel/errors.ts';

/**
 * Fields are camelCase in code and snake_case at every door. The translation is compiled from a schema once and follows
 * declared fields only: what a user stores under a field of any shape is never renamed.
 */
export type Translate = (value: unknown) => unknown;

export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** What one of the things is called that an operation is about: `task` for `tasks.get`. */
export function nounOf(operationName: string): string {
  const [plural = ''] = operationName.split('.');
  return plural.replace(/([^s])s$/, '$1');
}

const same: Translate = (value) => value;

/** Code to door, for answers. */
export function toDoor(schema: z.ZodType): Translate {
  return compile(schema, (field) => [field, snakeCase(field)]);
}

/** Door to code, for requests. */
export function fromDoor(schema: z.ZodType): Translate {
  return compile(schema, (field) => [snakeCase(field), field]);
}

type Pair = (field: string) => readonly [from: string, to: string];

function compile(schema: z.ZodType, pair: Pair): Translate {
  const bare = unwrap(schema);
  const { def } = bare._zod as unknown as { def: Definition };
  if (def.type === 'array') {
    const inner = compile(def.element!, pair);
    return inner === same ? same : (value) => (Array.isArray(value) ? value.map(inner) : value);
  }
  if (def.type === 'union') return firstThatRenames(def.options!.map((option) => compile(option, pair)));
  return def.type === 'object' ? compileObject(def.shape!, pair) : same;
}

/** A union of shapes shares its field names: the first that renames anything serves for all. */
function firstThatRenames(options: Translate[]): Translate {
  return options.find((option) => option !== same) ?? same;
}

function compileObject(shape: Record<string, z.ZodType>, pair: Pair): Translate {
  const fields = new Map(
    Object.entries(shape).map(([field, schema]) => {
      const [from, to] = pair(field);
      return [from, { to, inner: compile(schema, pair) }];
    }),
  );
  if ([...fields].every(([from, { to, inner }]) => from === to && inner === same)) return same;
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    const renamed: Record<string, unknown> = {};
    for (const [key, member] of Object.entries(value)) {
      const field = fields.get(key);
      if (field) renamed[field.to] = field.inner(member);
      else renamed[key] = member;
    }
    return renamed;
  };
}

interface Definition {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly element?: z.ZodType;
  readonly shape?: Record<string, z.ZodType>;
  readonly options?: z.ZodType[];
  readonly in?: z.ZodType;
}

/** The schema beneath optional, nullable, default and the like. */
export function unwrap(schema: z.ZodType): z.ZodType {
  const { def } = schema._zod as unknown as { def: Definition };
  if (def.innerType) return unwrap(def.innerType);
  if (def.type === 'pipe') return unwrap(def.in!);
  return schema;
}

/** A fence as headers and options write it: `<lease>:<token>`. */
export function fenceFromText(text: string): { lease: string; token: number } {
  const [, lease, token] = /^([^:]+):(\d{1,16})$/.exec(text) ?? [];
  if (lease === undefined || token === undefined)
    throw invalid('fence', 'a lease and its token, as lease:token');
  return { lease, token: Number(token) };
}

/** The declared fields of an object schema. */
export function fieldsOf(schema: z.ZodType): Record<string, z.ZodType> {
  const { def } = unwrap(schema)._zod as unknown as { def: Definition };
  return def.shape ?? {};
}

/** What kind of value a field takes: enough to read it from a query string or a command line. */
export function kindOf(schema: z.ZodType): string {
  return (unwrap(schema)._zod as unknown as { def: Definition }).def.type;
}

/**
 * A field's value from text, as a query string or command line gives it. What does not read as the field's kind is
 * left as text, for the schema to refuse by name.
 */
export function valueFromText(schema: z.ZodType, text: string): unknown {
  switch (kindOf(schema)) {
    case 'number':
      return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'string':
    case 'enum':
    case 'literal':
      return text;
    default:
      return jsonOrText(text);
  }
}

/** A bare word is a text; what begins like JSON must be JSON, so that a typo does not become one. */
function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    if (/^\s*[[{"]/.test(text)) throw invalid('value', `valid JSON, not ${text.slice(0, 40)}`);
    return text;
  }
}
