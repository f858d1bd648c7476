import type { z } from 'zod';
import { invalid, RookeryError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import type { Operation } from '../../kernel/operation.ts';
import { fieldsOf, fromDoor, snakeCase, type Translate, toDoor, valueFromText } from '../naming.ts';

/** An operation as a route: method, path, and how to read its input and write its output. */
export interface Route {
  readonly operation: Operation;
  readonly method: string;
  /** Path with `{parameter}` segments, as published. */
  readonly path: string;
  readonly parameters: readonly string[];
  /** The path as a pattern over the raw, still encoded path. */
  readonly pattern: RegExp;
  readonly input: Translate;
  readonly output: Translate;
  /** Fields by the name they have at the door. */
  readonly fields: ReadonlyMap<string, z.ZodType>;
}

export function routeOf(operation: Operation): Route | undefined {
  if (operation.route === null) return undefined;
  const [method, path] = operation.route.split(' ') as [string, string];
  const parameters = [...path.matchAll(/\{([a-z_]+)\}/g)].map((match) => match[1]!);
  return {
    operation,
    method,
    path,
    parameters,
    pattern: new RegExp(`^${path.replace(/\{[a-z_]+\}/g, '([^/]+)')}$`),
    input: fromDoor(operation.input),
    output: toDoor(operation.output),
    fields: new Map(
      Object.entries(fieldsOf(operation.input)).map(([field, schema]) => [snakeCase(field), schema]),
    ),
  };
}

/** The input of an operation from path, query and body. A field may come from one place only. */
export async function readInput(
  route: Route,
  request: Request,
  path: string,
  query: URLSearchParams,
): Promise<unknown> {
  const fields: Record<string, unknown> = Object.create(null);
  const take = (name: string, value: unknown) => {
    if (name in fields) throw invalid(name, 'given twice: leave one out');
    fields[name] = value;
  };
  const values = route.pattern.exec(path)!;
  route.parameters.forEach((name, i) => {
    take(name, fieldFromText(route, name, decodeSegment(values[i + 1]!)));
  });
  for (const [name, text] of query) take(name, fieldFromText(route, name, text));
  if (hasBody(request)) {
    const body = await readJson(request);
    if (typeof body !== 'object' || body === null || Array.isArray(body))
      throw invalid('body', 'a JSON object');
    for (const [name, value] of Object.entries(body)) take(name, value);
  }
  return route.input({ ...fields });
}

function fieldFromText(route: Route, name: string, text: string): unknown {
  const schema = route.fields.get(name);
  return schema ? valueFromText(schema, text) : text;
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw invalid('path', 'valid percent-encoding');
  }
}

function hasBody(request: Request): boolean {
  if (request.method === 'GET' || request.method === 'HEAD') return false;
  const length = request.headers.get('content-length');
  if (length !== null) return length !== '0';
  return request.headers.has('transfer-encoding');
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The JSON body, bounded. Other media types are refused: a web page can post those without asking. */
export async function readJson(request: Request, limitBytes: number = limits.bodyBytes): Promise<unknown> {
  const type = request.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    throw new RookeryError('UNSUPPORTED_MEDIA_TYPE', 'Content-Type must be application/json');
  }
  const text = decodeBody(await readBounded(request, limitBytes));
  try {
    return JSON.parse(text);
  } catch {
    throw new RookeryError('INVALID_INPUT', 'body: not valid JSON', {
      field: 'body',
      accepted: 'valid JSON',
    });
  }
}

async function readBounded(request: Request, limitBytes: number): Promise<Uint8Array> {
  const tooLarge = () =>
    new RookeryError('TOO_LARGE', `Request too large: at most ${limitBytes} bytes`, {
      field: 'body',
      limitBytes,
    });
  const length = request.headers.get('content-length');
  if (length !== null) {
    if (Number(length) > limitBytes) throw tooLarge();
    return new Uint8Array(await request.arrayBuffer());
  }
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of request.body ?? []) {
    total += chunk.length;
    if (total > limitBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function decodeBody(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw invalid('body', 'valid UTF-8');
  }
}
