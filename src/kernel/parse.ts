import type { z } from 'zod';
import { invalid } from './errors.ts';

/** Validates input and names the first field that does not fit, with what would be accepted. */
export function parse(schema: z.ZodType, raw: unknown): unknown {
  const result = schema.safeParse(raw ?? {});
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw invalid(fieldOf(issue), issue.message);
}

function fieldOf(issue: z.core.$ZodIssue): string {
  if (issue.path.length > 0) return issue.path.map(String).join('.');
  return issue.code === 'unrecognized_keys' ? issue.keys.join(', ') : 'input';
}
