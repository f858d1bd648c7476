/**
 * A second matcher for globs, by another method than the one it checks: segments by recursion, each segment as a
 * regular expression. Slow for hostile patterns, and only ever given short ones.
 */
export function matcherOf(pattern: string): (path: string) => boolean {
  const trailing = pattern.endsWith('/');
  const absolute = pattern.startsWith('/');
  const segments = pattern.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (trailing) segments.push('**');
  const expressions = segments.map((segment) => (segment === '**' ? segment : expressionOf(segment)));
  return (path) =>
    path.startsWith('/') === absolute &&
    matchSegments(
      expressions,
      path.split('/').filter((segment) => segment !== ''),
    );
}

function matchSegments(pattern: readonly (RegExp | string)[], path: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return path.length === 0;
  if (typeof first === 'string')
    return matchSegments(rest, path) || (path.length > 0 && matchSegments(pattern, path.slice(1)));
  return path.length > 0 && first.test(path[0]!) && matchSegments(rest, path.slice(1));
}

function expressionOf(segment: string): RegExp {
  const source = segment.replace(/\\(.)|\[!?[^\]]*\]|[*?{},]|[^\\[*?{},]/gu, (token) => {
    if (token.startsWith('[')) return token.replace('[!', '[^');
    switch (token) {
      case '*':
        return '.*';
      case '?':
        return '.';
      case '{':
        return '(?:';
      case '}':
        return ')';
      case ',':
        return '|';
      default:
        return token.replace(/^\\/, '').replace(/[.+^$()|\\*?[\]{}]/g, '\\$&');
    }
  });
  return new RegExp(`^${source}$`, 'su');
}
