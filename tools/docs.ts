import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { z } from 'zod';
import { exitOf, exitStatuses } from '../src/doors/cli/exit.ts';
import { programOf } from '../src/doors/cli/main.ts';
import { routes } from '../src/doors/http/app.ts';
import { atTheDoor } from '../src/doors/http/openapi.ts';
import { statusOf } from '../src/doors/http/problems.ts';
import type { Route } from '../src/doors/http/request.ts';
import { type ErrorCode, errorCatalogue } from '../src/kernel/errors.ts';

/**
 * Writes docs/http.md, docs/cli.md and docs/errors.md from the tables they describe. With `--check`, writes nothing and
 * fails when a file is not what it would be.
 */
const pages: Record<string, string> = {
  'http.md': httpPage(),
  'cli.md': cliPage(programOf()),
  'errors.md': errorsPage(),
};

const folder = fileURLToPath(new URL('../docs/', import.meta.url));
mkdirSync(folder, { recursive: true });
let stale = 0;
for (const [name, text] of Object.entries(pages)) {
  const path = folder + name;
  if (!process.argv.includes('--check')) writeFileSync(path, text);
  else if (read(path) !== text) {
    console.error(`docs/${name} is not what the code says: run "npm run docs"`);
    stale++;
  }
}
process.exit(stale === 0 ? 0 : 1);

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function httpPage(): string {
  const nouns = Map.groupBy(routes, (route) => route.operation.name.split('.')[0]!);
  return `# HTTP

Generated from the table of operations (\`npm run docs\`); the same as OpenAPI 3.1 is at \`/openapi.json\`.

- Every request carries \`Authorization: Bearer <token>\`. The token says who asks; \`X-Rookery-Agent\` names another agent
  and needs the right \`act-as\`. \`X-Rookery-Project\` and \`X-Rookery-Swarm\` choose where there is a choice.
- Bodies are JSON (\`Content-Type: application/json\`), fields in snake_case, times in integer milliseconds.
- Mutations take an \`Idempotency-Key\`: the same key with the same request is done once; a replayed answer carries
  \`Idempotency-Replayed: true\`.
- A mutation with \`X-Rookery-Fence: <lease>:<token>\` is done only while that lease is in force.
- Where there is a revision, \`ETag\` carries it; \`If-Match: "3"\` and \`If-None-Match: *\` expect it (412 otherwise).
- Errors are problem details (RFC 9457) with a stable \`code\`: see [errors](errors.md). What is absent and what may not be
  seen give the same 404.
- \`GET\` of \`mail.read\` and \`audit.feed\` with \`Accept: text/event-stream\` follows live; \`Last-Event-ID\` resumes.

${[...nouns].map(([noun, members]) => `## ${noun}\n\n${members.map(routeSection).join('\n')}`).join('\n')}`;
}

interface JsonSchema {
  readonly type?: string | string[];
  readonly anyOf?: JsonSchema[];
  readonly enum?: unknown[];
  readonly items?: JsonSchema;
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Record<string, JsonSchema>;
  readonly required?: string[];
}

function routeSection({ operation, method, path, parameters }: Route): string {
  const input = atTheDoor(
    z.toJSONSchema(operation.input, { io: 'input', unrepresentable: 'any' }),
  ) as JsonSchema;
  const output = atTheDoor(z.toJSONSchema(operation.output, { unrepresentable: 'any' })) as JsonSchema;
  const rows = Object.entries(input.properties ?? {}).map(([field, schema]) => {
    const place = parameters.includes(field) ? 'path' : method === 'GET' ? 'query' : 'body';
    const needed = input.required?.includes(field) ? ', required' : '';
    const preset = schema.default === undefined ? '' : `, default \`${JSON.stringify(schema.default)}\``;
    return `| \`${field}\` | ${typeText(schema)} | ${place}${needed}${preset} | ${schema.description ?? ''} |`;
  });
  const table =
    rows.length > 0 ? `\n| field | type | where | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n` : '';
  return `### \`${method} ${path}\`

${operation.summary}.${operation.description ? ` ${operation.description}` : ''}
Operation \`${operation.name}\`, right \`${operation.access}\`. Answers \`${answerText(output)}\`.
${table}`;
}

function typeText({ type, anyOf, enum: values, items }: JsonSchema): string {
  if (values) return values.map((value) => `\`${String(value)}\``).join(' ');
  if (anyOf) return anyOf.map(typeText).join(' or ');
  if (type === 'array') return `list of ${items ? typeText(items) : 'JSON'}`;
  return Array.isArray(type) ? type.join(' or ') : (type ?? 'JSON');
}

function answerText(schema: JsonSchema): string {
  const shape = schema.anyOf?.find(({ properties }) => properties) ?? schema;
  return `{${Object.keys(shape.properties ?? {}).join(', ')}}`;
}

function cliPage(program: Command): string {
  return `# Command line

Generated from the command tree (\`npm run docs\`). Data goes to stdout, messages to stderr; \`--json\` prints one envelope
\`{ok, data, warnings, next}\`. A command works on the data folder itself (\`--data\`, also beside a running server) or, with
\`--url\` or \`ROOKERY_URL\` and \`ROOKERY_TOKEN\`, on a server.

Options of every command:

${program.options.map((option) => `- \`${option.flags}\`: ${option.description}`).join('\n')}

${program.commands.map((command) => commandSection(command, '')).join('\n')}
## Exit status

| status | meaning |
|---|---|
${Object.entries(exitStatuses)
  .map(([status, meaning]) => `| ${status} | ${meaning} |`)
  .join('\n')}
`;
}

function commandSection(command: Command, prefix: string): string {
  const name = `${prefix}${command.name()}`;
  if (command.commands.length > 0) {
    return `## ${name}\n\n${command.commands.map((inner) => commandSection(inner, `${name} `)).join('\n')}`;
  }
  const given = command.registeredArguments.map((argument) => {
    const text = `${argument.name()}${argument.variadic ? '...' : ''}`;
    return argument.required ? `<${text}>` : `[${text}]`;
  });
  const usage = ['rookery', name, ...given].join(' ');
  const options = command.options.map(
    (option) => `- \`${option.flags}\`${option.description ? `: ${option.description}` : ''}`,
  );
  const heading = prefix === '' ? '##' : '###';
  return `${heading} \`${usage}\`\n\n${command.description()}\n${options.length > 0 ? `\n${options.join('\n')}\n` : ''}`;
}

function errorsPage(): string {
  const rows = Object.entries(errorCatalogue).map(
    ([code, { retryable, meaning }]) =>
      `| \`${code}\` | ${statusOf[code as ErrorCode]} | ${exitOf[code as ErrorCode]} | ${retryable ? 'yes' : 'no'} | ${meaning} |`,
  );
  return `# Errors

Generated from the catalogue (\`npm run docs\`). The same code is thrown by the library (\`RookeryError.code\`), answered over
HTTP (\`code\` in the problem details) and printed by the command line. Details carry the facts: which field, who holds the
lock, until when.

| code | HTTP | exit | retry | meaning |
|---|---|---|---|---|
${rows.join('\n')}
`;
}
