import { styleText } from 'node:util';
import { RookeryError } from '../../kernel/errors.ts';
import { problemOf } from '../http/problems.ts';

/**
 * What commands print. Data goes to stdout, messages to stderr. With `--json`, stdout holds exactly one envelope:
 * `{ok, data, warnings, next}` or `{ok: false, error, warnings, next}`.
 */
export class Output {
  readonly json: boolean;
  #warnings: string[] = [];
  #next: string[] = [];

  constructor(json: boolean) {
    this.json = json;
  }

  /** A message for people. */
  say(line = ''): void {
    process.stderr.write(`${line}\n`);
  }

  warn(line: string): void {
    this.#warnings.push(line);
    if (!this.json) this.say(`${styleText('yellow', 'warning')}: ${line}`);
  }

  /** A command that is likely to follow. */
  suggest(command: string): void {
    this.#next.push(command);
  }

  /** The answer of a command: the envelope, or the text that `render` makes of it. */
  data(data: unknown, render: (data: unknown) => string = renderData): void {
    if (this.json) this.#envelope({ ok: true, data });
    else write(render(data));
  }

  fail(thrown: unknown): void {
    const { code, detail, retryable, details } = problemOf(thrown);
    if (this.json) {
      this.#envelope({
        ok: false,
        error: { code, message: detail, retryable, ...(details ? { details } : {}) },
      });
      return;
    }
    this.say(`${styleText('red', code)}: ${detail}`);
    const facts = Object.entries(details ?? {}).filter(([name]) => !said.has(name));
    if (facts.length > 0) this.say(renderData(Object.fromEntries(facts)));
    if (code === 'INTERNAL' && thrown instanceof Error && !(thrown instanceof RookeryError))
      this.say(thrown.stack);
  }

  #envelope(body: Record<string, unknown>): void {
    write(JSON.stringify({ ...body, warnings: this.#warnings, next: this.#next }));
  }
}

/** Details that the sentence already tells. */
const said = new Set(['field', 'accepted', 'kind']);

function write(text: string): void {
  process.stdout.write(text.endsWith('\n') || text === '' ? text : `${text}\n`);
}

/** What stands beside a list to tell how it goes on. */
const paging = new Set(['next_cursor', 'next', 'head', 'has_more', 'size']);

/** An answer as text: a stored value as its JSON, a list as a table, anything else as name and value a line. */
export function renderData(data: unknown): string {
  if (typeof data !== 'object' || data === null) return String(data);
  const fields = Object.entries(data);
  if ('value' in data && 'revision' in data) return JSON.stringify(data.value);
  const [list, ...others] = fields.filter(([name]) => !paging.has(name));
  if (list && others.length === 0 && Array.isArray(list[1])) {
    const rows: unknown[] = list[1];
    if (rows.every((row) => typeof row === 'object' && row !== null)) {
      return renderTable(rows as Record<string, unknown>[]);
    }
  }
  return fields.map(([name, value]) => `${name}\t${cell(value)}`).join('\n');
}

/** Tab-separated, with a head; aligned on a terminal. */
export function renderTable(rows: readonly Record<string, unknown>[]): string {
  if (rows.length === 0) return '';
  const columns = Object.keys(rows[0]!);
  const table = [columns, ...rows.map((row) => columns.map((column) => cell(row[column])))];
  if (!process.stdout.isTTY) return table.map((row) => row.join('\t')).join('\n');
  const widths = columns.map((_, i) => Math.min(48, Math.max(...table.map((row) => row[i]!.length))));
  return table
    .map((row) =>
      row
        .map((text, i) => text.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
