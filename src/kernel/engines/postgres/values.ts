/**
 * How column values come into the program: as SQLite gives them. 64-bit integers and decimals are numbers, flags 0 and
 * 1, bytes a Uint8Array; everything else is the text that the server sends. By type id of the server's catalogue.
 */
const parsers: Readonly<Record<number, (text: string) => unknown>> = {
  16: (text) => (text === 't' ? 1 : 0),
  17: bytes,
  20: integer,
  21: Number,
  23: Number,
  26: Number,
  700: Number,
  701: Number,
  1700: Number,
};

export function parserOf(type: number): (text: string) => unknown {
  return parsers[type] ?? asText;
}

function asText(text: string): string {
  return text;
}

function integer(text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number)) return number;
  throw new RangeError(`${text} is not an exact number in JavaScript`);
}

function bytes(text: string): Uint8Array {
  const { buffer, byteOffset, length } = Buffer.from(text.slice(2), 'hex'); // after "\x"
  return new Uint8Array(buffer, byteOffset, length);
}
