/**
 * Keeps secrets out of snapshots, which outlive what they were taken from. Text that looks like a credential is blotted
 * out, and so is whatever stands under a name that says so. It errs on the side of blotting out.
 */
export const redacted = '[redacted]';

const secretNames =
  /^(?:.*[_-])?(?:token|secret|password|passwd|passphrase|authorization|cookie|credentials?|api[_-]?key|private[_-]?key|access[_-]?key|client[_-]?secret)$/i;

const credentials: readonly RegExp[] = [
  /\brk_(?:agent|admin)_[0-9a-z]+_[0-9a-z]+_[0-9a-f]+/g,
  /\bBearer\s+[\w.~+/=-]{8,}/gi,
  /\b(?:sk|pk|rk)[-_](?:live|test|proj|ant)?[-_]?[A-Za-z0-9_-]{16,}/g,
  /\bgh[opsur]_[A-Za-z0-9]{20,}/g,
  /\bgithub_pat_[A-Za-z0-9_]{20,}/g,
  /\bxox[abprs]-[A-Za-z0-9-]{10,}/g,
  /\bAKIA[0-9A-Z]{16}\b/g,
  /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /(\b(?:password|passwd|secret|token|api[_-]?key)\s*[=:]\s*)\S+/gi,
  /(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]+:)[^\s@/]+(?=@)/gi,
];

export function withoutSecretText(text: string): string {
  return credentials.reduce(
    (kept, pattern) =>
      kept.replace(
        pattern,
        (_match, before: unknown) => (typeof before === 'string' ? before : '') + redacted,
      ),
    text,
  );
}

/** The same of a JSON value, all the way down. */
export function withoutSecrets<T>(value: T): T {
  return clean(value) as T;
}

function clean(value: unknown): unknown {
  if (typeof value === 'string') return withoutSecretText(value);
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      secretNames.test(name) && member !== null && typeof member !== 'boolean' ? redacted : clean(member),
    ]),
  );
}
