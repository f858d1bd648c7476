import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { invalid, notFound, RookeryError } from '../../kernel/errors.ts';
import type { Operation } from '../../kernel/operation.ts';
import { operations } from '../../operations.ts';
import { snakeCase, toDoor } from '../naming.ts';
import { Output, renderTable } from './output.ts';
import { progressOf } from './progress.ts';
import { type GlobalOptions, openSession, openStore, type Session } from './session.ts';

/** The audit commands whose output is a format of its own: notes, receipts, JSON Lines. */
export function addAuditCommands(program: Command): void {
  const audit = program.command('audit').description('the ledger: verify, export, sign, prove');

  audit
    .command('verify')
    .description('verify the ledger and everything stored against it; exit status 1 when anything is wrong')
    .option('--checkpoint <file>', 'a signed checkpoint kept elsewhere: shows a rollback of the whole store')
    .action(async (_, command: Command) => await verify(command.optsWithGlobals()));

  audit
    .command('export')
    .description('print the entries as JSON Lines, exactly as hashed, in order and without gaps')
    .option('--from <seq>', 'entries after this number', '0')
    .action(async (_, command: Command) => await exportEntries(command.optsWithGlobals()));

  audit
    .command('checkpoint')
    .description('print the signed note over the ledger as it is now (C2SP tlog-checkpoint)')
    .action(async (_, command: Command) => {
      await print(command.optsWithGlobals(), operations.audit.checkpoint, {}, 'note');
    });

  audit
    .command('key')
    .description('print the C2SP verifier key of checkpoints and receipts')
    .action(async (_, command: Command) => {
      await print(command.optsWithGlobals(), operations.audit.key, {}, 'verifierKey');
    });

  audit
    .command('proof')
    .description('print the receipt of an entry (C2SP tlog-proof), verifiable offline')
    .argument('<seq>', 'number of the entry')
    .action(async (seq: string, _, command: Command) => {
      const input = { seq: numberOf('seq', seq) };
      await print(command.optsWithGlobals(), operations.audit.proof, input, 'proof');
    });
}

async function verify(options: GlobalOptions & { checkpoint?: string }): Promise<void> {
  const output = new Output(options.json ?? false);
  const checkpoint = options.checkpoint === undefined ? undefined : readCheckpoint(options.checkpoint);
  const result = options.url
    ? await verifyRemote(options, checkpoint)
    : await verifyLocal(options, checkpoint, output);
  const { ok, entries, records, findings, more } = result;
  output.data(toDoor(operations.audit.verify.output)(result), () =>
    ok
      ? `ok: ${entries} entries, ${records} stored records`
      : `${renderTable(findings.map((finding) => ({ ...finding })))}${more > 0 ? `\n… and ${more} more` : ''}`,
  );
  if (ok) return;
  if (!output.json)
    output.say(`${findings.length + more} findings in ${entries} entries and ${records} records`);
  process.exitCode = 1;
}

async function verifyLocal(options: GlobalOptions, checkpoint: string | undefined, output: Output) {
  const { verifyStore } = await import('../../kernel/ledger/verify-store.ts');
  await using rookery = await openStore(options);
  const progress = progressOf('verify', output.json);
  const result = await verifyStore(rookery.store, {
    project: options.project ?? (checkpoint === undefined ? undefined : 'default'),
    checkpoint,
    onProgress: ({ project, phase, done, total }) => progress.update(done, total, `${project}: ${phase}`),
  });
  progress.end(`${result.entries} entries and ${result.records} records read`);
  return result;
}

async function verifyRemote(options: GlobalOptions, checkpoint: string | undefined) {
  await using session = await openSession(options);
  const answer = await session.call(operations.audit.verify, checkpoint === undefined ? {} : { checkpoint });
  return operations.audit.verify.output.parse(answer);
}

function readCheckpoint(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new RookeryError('NOT_FOUND', `no checkpoint in ${file}`, { kind: 'checkpoint' }, { cause });
  }
}

async function exportEntries(options: GlobalOptions & { from: string }): Promise<void> {
  let from: number | null = numberOf('from', options.from);
  await using session = await openSession(options);
  while (from !== null) {
    const page: { entries: { seq: number; entry: string }[]; next: number | null } =
      operations.audit.export.output.parse(await session.call(operations.audit.export, { from }));
    const lines = page.entries.map(({ seq, entry }) => JSON.stringify({ seq, entry }));
    if (lines.length > 0) await write(`${lines.join('\n')}\n`);
    from = page.next;
  }
}

/** Prints one field of an answer alone, or with `--json` the whole answer. */
async function print(
  options: GlobalOptions,
  operation: Operation,
  input: unknown,
  field: string,
): Promise<void> {
  const output = new Output(options.json ?? false);
  await using session: Session = await openSession(options);
  const answer = await session.call(operation, input);
  if (answer === null) throw notFound('entry');
  const shown = toDoor(operation.output)(answer) as Record<string, unknown>;
  output.data(shown, () => String(shown[snakeCase(field)]));
}

/** Waits for a slow reader, so that an export of any size takes little memory. */
function write(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

function numberOf(field: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw invalid(field, 'a whole number');
  return Number(text);
}
