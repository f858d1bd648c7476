import type { Parameter } from '../../src/kernel/work.ts';

/** Messages of the Postgres protocol, version 3, as a client sends them; all values travel as text. */

function message(type: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

function text(value: string): Uint8Array {
  return Buffer.from(`${value}\0`);
}

function int16(value: number): Uint8Array {
  return Buffer.of(value >> 8, value & 0xff);
}

function int32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function parameter(value: Parameter): Uint8Array[] {
  if (value === null) return [int32(-1)];
  const shown = value instanceof Uint8Array ? `\\x${Buffer.from(value).toString('hex')}` : String(value);
  const bytes = Buffer.from(shown);
  return [int32(bytes.length), bytes];
}

/** Names a statement for the session, in place of what had the name. */
export function parse(name: string, sql: string): Uint8Array {
  return Buffer.concat([
    message('C', Buffer.from('S'), text(name)),
    message('P', text(name), text(sql), int16(0)),
  ]);
}

/** Runs a named statement to its end; what follows an error is skipped up to here. */
export function run(name: string, parameters: readonly Parameter[]): Uint8Array {
  const values = parameters.flatMap(parameter);
  return Buffer.concat([
    message('B', text(''), text(name), int16(0), int16(parameters.length), ...values, int16(0)),
    message('D', Buffer.from('P'), text('')),
    message('E', text(''), int32(0)),
    message('S'),
  ]);
}
