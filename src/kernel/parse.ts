import type { z } from 'zod';
import { invalid } from './errors.ts';

/** Validates input and names the first field that does not fit, with what would be accepted. */
export function parse(schema: z.ZodType, raw: unknown): unknown {
  const result = schema.safeParse(raw ?? {});
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw invalid(fieldOf(issue), acceptedBy(issue));
}

function fieldOf(issue: z.core.$ZodIssue): string {
  if (issue.path.length > 0) return issue.path.map(String).join('.');
  return issue.code === 'unrecognized_keys' ? issue.keys.join(', ') : 'input';
}

const words: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'a JSON object',
  record: 'a JSON object',
  string: 'text',
};

/** What a schema says itself, and for what it leaves to the library, words for who does not know that. */
function acceptedBy(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return 'no such field';
  if (issue.code !== 'invalid_type' || !issue.message.startsWith('Invalid input')) return issue.message;
  const word = words[issue.expected] ?? issue.expected;
  return issue.message.endsWith('received undefined') ? `required: ${word}` : word;
}
