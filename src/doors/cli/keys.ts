import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { createSecretFile, rootKeyName } from '../../folder.ts';
import { invalid, notFound, RookeryError } from '../../kernel/errors.ts';
import type { Operation } from '../../kernel/operation.ts';
import { operations } from '../../operations.ts';
import { toDoor } from '../naming.ts';
import { Output } from './output.ts';
import { progressOf } from './progress.ts';
import { dataFolder, type GlobalOptions, openSession, type Session } from './session.ts';

interface RotateOptions extends GlobalOptions {
  readonly all?: boolean;
  readonly root?: boolean;
  readonly masterKeyFile?: string;
  readonly keepOld?: string;
  readonly reason?: string;
  readonly wait: boolean;
}

interface RetireOptions extends GlobalOptions {
  readonly compromised?: boolean;
  readonly reason?: string;
  readonly wait: boolean;
}

/** The key commands that start long work: they stay until it is done, or show how far it is. */
export function addKeyCommands(program: Command): void {
  const keys = program.command('keys').description('encryption keys: list, rotate, retire, erase');

  keys
    .command('rotate')
    .description('replace keys at once and seal old records anew, while others go on')
    .argument('[scope]', 'one audience, as "keys list" shows it; all of the project when left out')
    .option('--root', 'the root key alone: keys are wrapped again, no record is touched')
    .option('--all', 'beside the root key also the data keys of the project')
    .option(
      '--master-key-file <file>',
      'the new root key in base64, for a store with a key of its own; - is stdin',
    )
    .option('--keep-old <file>', 'write the old root key there: backups made so far open with that one only')
    .option('--reason <text>', 'why; kept in clear')
    .option(
      '--no-wait',
      'do not stay until all records are sealed anew: a server goes on, or the next status',
    )
    .action(async (scope: string | undefined, _, command: Command) => {
      await rotate(scope, command.optsWithGlobals());
    });

  keys
    .command('retire')
    .description('retire a key without records; a compromised one is replaced at once')
    .argument('<id>', 'id of the key, as "keys list" shows it')
    .option('--compromised', 'somebody else may have it: seal its records anew now')
    .option('--reason <text>', 'why; kept in clear')
    .option('--no-wait', 'do not stay until all records are sealed anew')
    .action(async (id: string, _, command: Command) => await retire(id, command.optsWithGlobals()));

  keys
    .command('status')
    .description('show how far a rotation and the erasures are, and go on with them')
    .option('--no-wait', 'do not stay until they are done')
    .action(async (_, command: Command) => await status(command.optsWithGlobals()));
}

async function rotate(scope: string | undefined, options: RotateOptions): Promise<void> {
  const output = new Output(options.json ?? false);
  const { all = false, root = false, reason } = options;
  if (options.keepOld !== undefined) keepOld(options, options.keepOld);
  await using session = await openSession(options);
  const input = { all, root, ...(scope !== undefined && { scope }), ...(reason !== undefined && { reason }) };
  const answer = operations.keys.rotate.output.parse(
    await session.call(operations.keys.rotate, { ...input, ...newMasterKey(options) }),
  );
  if (root && options.keepOld === undefined)
    output.warn('backups made before open with the old root key only, and no file holds it any more');
  const rotation =
    options.wait && answer.rotated.length > 0 ? (await follow(session, output)).rotation : answer.rotation;
  show(output, operations.keys.rotate, { ...answer, rotation });
}

async function retire(id: string, options: RetireOptions): Promise<void> {
  const output = new Output(options.json ?? false);
  const { compromised = false, reason } = options;
  await using session = await openSession(options);
  const input = { id, compromised, ...(reason !== undefined && { reason }) };
  const answer = await session.call(operations.keys.retire, input);
  if (answer === null) throw notFound('key');
  if (compromised && options.wait) await follow(session, output);
  show(output, operations.keys.retire, answer);
}

async function status(options: GlobalOptions & { readonly wait: boolean }): Promise<void> {
  const output = new Output(options.json ?? false);
  await using session = await openSession(options);
  show(output, operations.keys.status, options.wait ? await follow(session, output) : await ask(session, 0));
}

const lookMs = 250;
const patienceMs = 120_000;

/** Shows the work until it is done, by whichever process. */
async function follow(session: Session, output: Output) {
  const progress = progressOf('keys', output.json);
  let seen = '';
  let since = performance.now();
  for (;;) {
    const standing = await ask(session, lookMs);
    const { rotation, erasures } = standing;
    const now = JSON.stringify([rotation?.done, rotation?.total, erasures.length]);
    if (now !== seen) [seen, since] = [now, performance.now()];
    if (performance.now() - since > patienceMs)
      throw new RookeryError(
        'TIMEOUT',
        `no progress for ${patienceMs / 1000} s: ${standing.trouble ?? 'try again'}`,
      );
    const pending = erasures.filter(({ state }) => state === 'pending').length;
    if (rotation?.state === 'running')
      progress.update(rotation.done, rotation.total ?? undefined, 'records sealed anew');
    else if (pending > 0) progress.update(erasures.length - pending, erasures.length, 'erasures');
    else {
      progress.end(`${rotation?.done ?? 0} records sealed anew`);
      if (rotation && rotation.unreadable > 0)
        output.warn(`${rotation.unreadable} records do not open: run "rookery audit verify"`);
      return standing;
    }
  }
}

async function ask(session: Session, waitMs: number) {
  return operations.keys.status.output.parse(await session.call(operations.keys.status, { waitMs }));
}

function newMasterKey({ masterKeyFile }: RotateOptions): { masterKey?: string } {
  if (masterKeyFile === undefined) return {};
  return { masterKey: readFileSync(masterKeyFile === '-' ? 0 : masterKeyFile, 'utf8').trim() };
}

/** Before anything is replaced, and never over a file that is there. */
function keepOld(options: GlobalOptions, file: string): void {
  const keyFile = join(dataFolder(options), rootKeyName);
  if (!createSecretFile(file, readFileSync(keyFile, 'utf8')))
    throw invalid('keep-old', 'a file that does not exist yet');
}

function show(output: Output, operation: Operation, answer: unknown): void {
  output.data(toDoor(operation.output)(answer));
}
