/** Ids of coordinators, senders, receivers and signals, as seed 000 has them: they become parts of keys in Redis. */
const shape = /^[a-zA-Z0-9_-]+$/;
const most = 64;

export function checkedId(field: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new Error(`${field} must be a non-empty string`);
  if (value.length > most)
    throw new Error(`${field} exceeds maximum length of ${most} characters (got ${value.length})`);
  if (!shape.test(value))
    throw new Error(`Invalid ${field}: must contain only alphanumeric characters, hyphens, and underscores`);
  return value;
}

export function checkedCount(field: string, value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`${field} must be a whole number of at least 0`);
}
