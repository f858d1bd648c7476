import { basename, extname } from 'node:path';

/** What the analysis has to know of a language. */
export interface Language {
  readonly name: string;
  /** How a comment line starts. */
  readonly comment?: readonly string[];
  /** A comment over several lines. */
  readonly block?: readonly [start: string, end: string];
  /** What a line that imports something looks like; the group is what it imports. */
  readonly imports?: RegExp;
  /** What the first line of a function looks like. */
  readonly opens?: RegExp;
  /** How a function ends: with its closing brace, or where the indentation ends. */
  readonly body?: 'braces' | 'indentation';
}

const slashes = { comment: ['//'], block: ['/*', '*/'] } as const;
const hash = { comment: ['#'] } as const;

const notControlFlow = String.raw`^(?!\s*(?:if|for|while|switch|catch|do|else|with|return)\b)`;
const braceFunction = new RegExp(
  `${notControlFlow}.*(?:\\b(?:function|func|fn)\\b|=>|\\))[^;]*\\{\\s*(?://.*)?$`,
);

const script: Omit<Language, 'name'> = {
  ...slashes,
  imports:
    /^\s*(?:import|export)\b.*?\bfrom\s+['"]([^'"]+)['"]|^\s*import\s+['"]([^'"]+)['"]|\brequire\(['"]([^'"]+)['"]\)/,
  opens: braceFunction,
  body: 'braces',
};
const clike: Omit<Language, 'name'> = {
  ...slashes,
  imports: /^\s*#\s*include\s+[<"]([^>"]+)[>"]/,
  opens: braceFunction,
  body: 'braces',
};
const jvm: Omit<Language, 'name'> = {
  ...slashes,
  imports: /^\s*(?:import|using)\s+(?:static\s+)?([\w.*]+)/,
  opens: braceFunction,
  body: 'braces',
};

const byEnding: Readonly<Record<string, Language>> = {
  ...named('TypeScript', script, 'ts', 'mts', 'cts', 'tsx'),
  ...named('JavaScript', script, 'js', 'mjs', 'cjs', 'jsx'),
  ...named('C', clike, 'c', 'h'),
  ...named('C++', clike, 'cc', 'cpp', 'cxx', 'hpp', 'hh'),
  ...named('Java', jvm, 'java'),
  ...named('Kotlin', jvm, 'kt', 'kts'),
  ...named('C#', jvm, 'cs'),
  ...named('Swift', { ...jvm, imports: /^\s*import\s+(\w+)/ }, 'swift'),
  ...named(
    'Go',
    {
      ...slashes,
      imports: /^\s*(?:import\s+)?(?:\w+\s+)?"([\w./-]+)"\s*$/,
      opens: braceFunction,
      body: 'braces',
    },
    'go',
  ),
  ...named(
    'Rust',
    { ...slashes, imports: /^\s*(?:pub\s+)?use\s+([\w:]+)/, opens: braceFunction, body: 'braces' },
    'rs',
  ),
  ...named(
    'PHP',
    { ...slashes, imports: /^\s*use\s+([\w\\]+)/, opens: braceFunction, body: 'braces' },
    'php',
  ),
  ...named(
    'Python',
    {
      ...hash,
      imports: /^\s*(?:from\s+([\w.]+)\s+import|import\s+([\w.]+))/,
      opens: /^\s*(?:async\s+)?(?:def|class)\s+\w+/,
      body: 'indentation',
    },
    'py',
    'pyi',
  ),
  ...named(
    'Ruby',
    {
      ...hash,
      imports: /^\s*require(?:_relative)?\s+['"]([^'"]+)['"]/,
      opens: /^\s*(?:def|class|module)\s+\w+/,
      body: 'indentation',
    },
    'rb',
  ),
  ...named(
    'Shell',
    {
      ...hash,
      imports: /^\s*(?:source|\.)\s+(\S+)/,
      opens: /^\s*(?:function\s+)?[\w-]+\s*\(\)\s*\{\s*$/,
      body: 'braces',
    },
    'sh',
    'bash',
    'zsh',
  ),
  ...named(
    'CSS',
    {
      block: ['/*', '*/'],
      imports: /^\s*@import\s+(?:url\()?['"]([^'"]+)['"]/,
      opens: /\{\s*$/,
      body: 'braces',
    },
    'css',
    'scss',
    'less',
  ),
  ...named(
    'HTML',
    { block: ['<!--', '-->'], imports: /<(?:script|link)\b[^>]*\b(?:src|href)=['"]([^'"]+)['"]/ },
    'html',
    'htm',
    'vue',
    'svelte',
  ),
  ...named('XML', { block: ['<!--', '-->'] }, 'xml', 'svg'),
  ...named('SQL', { comment: ['--'], block: ['/*', '*/'] }, 'sql'),
  ...named('Markdown', { block: ['<!--', '-->'] }, 'md', 'markdown', 'mdx'),
  ...named('JSON', {}, 'json', 'jsonc', 'json5'),
  ...named('YAML', hash, 'yml', 'yaml'),
  ...named('TOML', hash, 'toml'),
  ...named('Text', {}, 'txt', 'rst', 'csv'),
};

const byName: Readonly<Record<string, Language>> = {
  Dockerfile: { name: 'Docker', ...hash },
  Makefile: { name: 'Make', ...hash },
};

const other: Language = { name: 'Other', comment: ['#'] };

/** The language of a file, by its ending. */
export function languageOf(file: string): Language {
  return byEnding[extname(file).slice(1).toLowerCase()] ?? byName[basename(file)] ?? other;
}

function named(
  name: string,
  language: Omit<Language, 'name'>,
  ...endings: string[]
): Record<string, Language> {
  return Object.fromEntries(endings.map((ending) => [ending, { name, ...language }]));
}
