import { z } from 'zod';
import { errorCatalogue } from '../../kernel/errors.ts';
import { snakeCase } from '../naming.ts';
import { statusOf } from './problems.ts';
import type { Route } from './request.ts';

type Schema = Record<string, unknown>;

/** OpenAPI 3.1, derived from the table of routes. */
export function openApiOf(routes: readonly Route[], version: string): Schema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    paths[route.path]![route.method.toLowerCase()] = describe(route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Rookery',
      version,
      summary: 'State layer for fleets of AI agents',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: problemSchema },
    },
  };
}

function describe(route: Route): Schema {
  const { operation } = route;
  const input = atTheDoor(z.toJSONSchema(operation.input, { io: 'input', unrepresentable: 'any' }));
  const output = atTheDoor(z.toJSONSchema(operation.output, { io: 'output', unrepresentable: 'any' }));
  const properties = (input['properties'] ?? {}) as Record<string, Schema>;
  const required = new Set((input['required'] ?? []) as string[]);
  const inPath = new Set(route.parameters);
  const rest = Object.keys(properties).filter((name) => !inPath.has(name));
  const asQuery = route.method === 'GET';
  const parameter = (name: string, place: string) => ({
    name,
    in: place,
    required: place === 'path' || required.has(name),
    schema: properties[name],
    ...(properties[name]?.['description'] ? { description: properties[name]['description'] } : {}),
  });
  return {
    operationId: operation.name,
    tags: [operation.name.split('.')[0]],
    summary: operation.summary,
    ...(operation.description && { description: operation.description }),
    parameters: [
      ...route.parameters.map((name) => parameter(name, 'path')),
      ...(asQuery ? rest.map((name) => parameter(name, 'query')) : []),
      ...(operation.kind === 'mutation' ? [idempotencyKey] : []),
    ],
    ...(!asQuery &&
      rest.length > 0 && {
        requestBody: {
          required: rest.some((name) => required.has(name)),
          content: {
            'application/json': {
              schema: {
                type: 'object',
                properties: Object.fromEntries(rest.map((name) => [name, properties[name]])),
                required: rest.filter((name) => required.has(name)),
                additionalProperties: false,
              },
            },
          },
        },
      }),
    responses: {
      200: { description: 'Done', content: { 'application/json': { schema: output } } },
      default: {
        description: 'Refused: see the code',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
    'x-rookery-right': operation.access,
  };
}

const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The same key with the same request is done once; the first answer is replayed for 24 hours',
  schema: { type: 'string', maxLength: 255 },
};

const problemSchema = {
  type: 'object',
  description: 'RFC 9457 problem details',
  required: ['type', 'title', 'status', 'code', 'detail', 'retryable'],
  properties: {
    type: { type: 'string', format: 'uri' },
    title: { type: 'string' },
    status: { type: 'integer', enum: [...new Set(Object.values(statusOf))].sort((a, b) => a - b) },
    code: { type: 'string', enum: Object.keys(errorCatalogue) },
    detail: { type: 'string' },
    error: { type: 'string' },
    retryable: { type: 'boolean' },
    details: { type: 'object', description: 'The facts to act on: field, holder, expiry …' },
  },
};

/** A JSON schema with its declared fields in the spelling of the doors. */
export function atTheDoor(schema: Schema): Schema {
  const { $schema: _, ...rest } = rename(schema) as Schema;
  return rest;
}

function rename(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(rename);
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) => {
      if (key === 'properties') {
        const fields = Object.entries(value as Schema).map(([field, inner]) => [
          snakeCase(field),
          rename(inner),
        ]);
        return [key, Object.fromEntries(fields)];
      }
      if (key === 'required') return [key, (value as string[]).map(snakeCase)];
      if (key === 'default' || key === 'enum' || key === 'const') return [key, value];
      return [key, rename(value)];
    }),
  );
}
