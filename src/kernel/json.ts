import canonicalize from 'canonicalize';
import { invalid, RookeryError } from './errors.ts';
import { limits } from './limits.ts';

/** RFC 8785 text of a value. Throws INVALID_INPUT for what has none (NaN, cycles, lone surrogates). */
export function canonicalJson(value: unknown): string {
  let text: string | undefined;
  try {
    text = (canonicalize as unknown as (value: unknown) => string | undefined)(value);
  } catch (error) {
    throw new RookeryError('INVALID_INPUT', `value: ${(error as Error).message}`, { field: 'value' });
  }
  if (text === undefined) throw invalid('value', 'a JSON value');
  return text;
}

/**
 * The JSON text to store for a value that a caller handed in, with every limit checked before anything is written:
 * it must be JSON, nested at most `limits.jsonDepth` deep and at most `limits.valueBytes` long.
 */
export function encodeValue(field: string, value: unknown): string {
  checkJson(field, value, 0);
  const text = JSON.stringify(value);
  // A UTF-16 unit takes at most three bytes: short texts need no exact count.
  if (text.length * 3 > limits.valueBytes && Buffer.byteLength(text) > limits.valueBytes) {
    throw new RookeryError('TOO_LARGE', `${field}: at most ${limits.valueBytes} bytes of JSON`, {
      field,
      limitBytes: limits.valueBytes,
    });
  }
  return text;
}

function checkJson(field: string, value: unknown, depth: number): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return;
    case 'number':
      if (!Number.isFinite(value)) throw invalid(field, 'numbers must be finite');
      return;
    case 'object':
      if (value === null) return;
      if (depth >= limits.jsonDepth)
        throw invalid(field, `JSON nested at most ${limits.jsonDepth} levels deep`);
      checkContainer(field, value, depth + 1);
      return;
    default:
      throw invalid(field, `a JSON value, not ${typeof value}`);
  }
}

function checkContainer(field: string, value: object, depth: number): void {
  if (Array.isArray(value)) {
    for (const item of value) checkJson(field, item, depth);
    return;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw invalid(field, 'plain JSON objects and arrays, no class instances');
  }
  for (const key of Object.keys(value)) {
    if (key === '__proto__') throw invalid(field, 'no key named __proto__');
    checkJson(field, (value as Record<string, unknown>)[key], depth);
  }
}
