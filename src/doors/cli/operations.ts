import { Command, Option } from 'commander';
import type { z } from 'zod';
import { notFound } from '../../kernel/errors.ts';
import type { Operation } from '../../kernel/operation.ts';
import { operations } from '../../operations.ts';
import { fenceFromText, fieldsOf, kindOf, nounOf, snakeCase, toDoor, valueFromText } from '../naming.ts';
import { Output } from './output.ts';
import { type GlobalOptions, openSession } from './session.ts';

/** One command per operation: `rookery memory set KEY VALUE --level team`. */
export function addOperationCommands(program: Command): void {
  for (const [noun, verbs] of Object.entries(operations)) {
    const group = program.commands.find((command) => command.name() === noun) ?? program.command(noun);
    group.description(group.description() || `operations on ${noun}`);
    for (const [verb, operation] of Object.entries(verbs as Record<string, Operation>)) {
      const name = kebab(verb);
      // A command written by hand takes the place of the derived one.
      if (group.commands.some((command) => command.name() === name)) continue;
      group.addCommand(commandOf(name, operation));
    }
  }
}

function commandOf(name: string, operation: Operation): Command {
  const fields = fieldsOf(operation.input);
  const positional = operation.positional ?? [];
  const command = new Command(name).description(operation.summary);
  if (operation.description) command.addHelpText('after', `\n${operation.description}`);
  for (const field of positional) {
    const schema = fields[field]!;
    const many = kindOf(schema) === 'array' ? '...' : '';
    const label = snakeCase(field) + many;
    command.argument(isRequired(schema) ? `<${label}>` : `[${label}]`, schema.description);
  }
  for (const [field, schema] of Object.entries(fields)) {
    if (!positional.includes(field) && !takenOver.has(field)) command.addOption(optionOf(field, schema));
  }
  if (operation.kind === 'mutation') {
    command.option('--idempotency-key <key>', 'the same key with the same input is done once');
    command.option('--fence <lease:token>', 'only while this lease is in force under its token');
  }
  return command.action(async (...parameters: unknown[]) => {
    const invoked = parameters.at(-1) as Command;
    await run(operation, positional, parameters.slice(0, positional.length), invoked);
  });
}

async function run(
  operation: Operation,
  positional: readonly string[],
  given: readonly unknown[],
  command: Command,
): Promise<void> {
  const options = command.optsWithGlobals<GlobalOptions & Record<string, unknown>>();
  const fields = fieldsOf(operation.input);
  const input: Record<string, unknown> = {};
  const take = (field: string, value: unknown) => {
    if (value !== undefined) input[field] = fromCommandLine(fields[field]!, value);
  };
  positional.forEach((field, i) => {
    take(field, given[i]);
  });
  for (const field of Object.keys(fields)) {
    if (positional.includes(field)) continue;
    take(field, takenOver.has(field) ? options[field] : command.opts()[optionKey(field)]);
  }
  // `token create --agent ID` names the token's agent; who creates it is the operator or ROOKERY_AGENT.
  const named = 'agent' in fields && !positional.includes('agent');
  const caller = named ? { ...options, agent: undefined } : options;
  const output = new Output(options.json ?? false);
  await using session = await openSession(caller, operation.kind === 'mutation');
  const key = options['idempotencyKey'] as string | undefined;
  const fence = options['fence'] === undefined ? undefined : fenceFromText(String(options['fence']));
  const answer = await session.call(operation, input, { idempotencyKey: key, fence });
  if (answer === null) throw notFound(nounOf(operation.name));
  output.data(toDoor(operation.output)(answer));
}

function fromCommandLine(schema: z.ZodType, value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map((text) =>
      typeof text === 'string' && /^[[{]/.test(text) ? valueFromText(schema, text) : text,
    );
  }
  return typeof value === 'string' ? valueFromText(schema, value) : value;
}

function optionOf(field: string, schema: z.ZodType): Option {
  const flag = kebab(field);
  // `--data` and the like belong to every command; a field of that name takes another.
  const name = reserved.has(flag) ? `${flag}-value` : flag;
  const many = kindOf(schema) === 'array' ? '...' : '';
  const placeholder = kindOf(schema) === 'boolean' ? '[yes]' : `<${kindOf(schema)}${many}>`;
  const option = new Option(`--${name} ${placeholder}`, schema.description);
  if (kindOf(schema) === 'boolean') option.preset(true);
  return option;
}

const reserved = new Set(['data', 'json', 'url', 'project']);
/** Fields that the option of every command of the same name is for. */
const takenOver = new Set(['agent']);

function optionKey(field: string): string {
  return reserved.has(kebab(field)) ? `${field}Value` : field;
}

function isRequired(schema: z.ZodType): boolean {
  return !schema.safeParse(undefined).success;
}

function kebab(name: string): string {
  return snakeCase(name).replaceAll('_', '-');
}
