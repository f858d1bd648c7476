import { Command, CommanderError } from 'commander';
import { version } from '../../version.ts';
import { addAuditCommands } from './audit.ts';
import { exitStatuses, exitStatusOf } from './exit.ts';
import { addKeyCommands } from './keys.ts';
import { addOperationCommands } from './operations.ts';
import { Output } from './output.ts';

/** Runs one command line and sets the exit status. Never prompts. */
export async function main(args: readonly string[]): Promise<void> {
  const program = programOf();
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed its message; help and version are not failures.
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      return;
    }
    new Output(args.includes('--json')).fail(error);
    process.exitCode = exitStatusOf(error);
  }
}

/** The whole command tree. Commands import what they need when they run, so that help stays quick. */
export function programOf(): Command {
  const program = new Command('rookery')
    .description('State layer for fleets of AI agents: memory, mail, locks, and the proof of what was done')
    .version(version)
    .option('--data <folder>', 'data folder (default: ROOKERY_DATA, else the XDG data folder)')
    .option('--url <url>', 'talk to a server instead (default: ROOKERY_URL; token from ROOKERY_TOKEN)')
    .option('--agent <id>', 'act as this agent (default: ROOKERY_AGENT, else the operator)')
    .option('--project <id>', 'project (default: "default")')
    .option('--json', 'print one JSON envelope on stdout')
    .showHelpAfterError('(add --help for the options)')
    .addHelpText('after', `\nExit status:\n${exitTable()}`);

  program
    .command('serve')
    .description('run the server on the data folder')
    .option('--port <number>', 'port to listen on, 0 for any free one', '7665')
    .option('--host <name>', 'address to listen on', '127.0.0.1')
    .option('--open', 'accept requests without a token (loopback only)')
    .option('--allow-origin <origin...>', 'web origins that may call')
    .option('--redis <url>', 'keep a live copy in this Redis (default: ROOKERY_REDIS_URL, else none)')
    .option('--dual-write', 'answer changes once that Redis has them too')
    .option('--keep-ended <days>', 'forget signals, votes and tasks so long after their end (default: never)')
    .option('--log-level <level>', 'debug, info, warn, error or silent', 'warn')
    .action(async (_, command: Command) => {
      const { serve } = await import('./serve.ts');
      await serve(command.optsWithGlobals());
    });

  program
    .command('doctor')
    .description('check the store, its settings and its permissions')
    .action(async (_, command: Command) => {
      const { doctor } = await import('./doctor.ts');
      await doctor(command.optsWithGlobals());
    });

  program
    .command('backup')
    .description('copy the live store into one file, verified against its ledger')
    .argument('<file>', 'where to')
    .option('--force', 'replace the file if it exists')
    .option('--no-verify', 'check the structure of the copy only')
    .action(async (file: string, _, command: Command) => {
      const { backup } = await import('./backup.ts');
      await backup(file, command.optsWithGlobals());
    });

  program
    .command('optimize')
    .description('give unused space back and refresh what the store knows of its tables')
    .action(async (_, command: Command) => {
      const { optimize } = await import('./backup.ts');
      await optimize(command.optsWithGlobals());
    });

  addAuditCommands(program);
  addKeyCommands(program);
  program
    .command('demo')
    .description('let a fleet of processes work through a git repository, kill some, and check the outcome')
    .argument('[path]', 'a git repository, or a folder in one', '.')
    .option('--workers <number>', 'worker processes', '12')
    .option('--limit <number>', 'most files to work through', '400')
    .option('--keep', 'keep the store afterwards')
    .action(async (path: string, _, command: Command) => {
      const { demo } = await import('./demo/main.ts');
      await demo(path, command.optsWithGlobals());
    });

  addOperationCommands(program);
  exitByThrowing(program);
  return program;
}

function exitByThrowing(command: Command): void {
  command.exitOverride();
  for (const inner of command.commands) exitByThrowing(inner);
}

function exitTable(): string {
  return Object.entries(exitStatuses)
    .map(([status, meaning]) => `  ${status.padStart(3)}  ${meaning}`)
    .join('\n');
}
