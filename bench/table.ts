import type { NotRun, Row, Target, Unit } from './measure.ts';

const heads = ['what', 'µs/op', 'ops/s', 'floor µs', 'measured', 'target', 'verdict'] as const;

/** The measured rows as an aligned table; names to the left, numbers to the right. A quick look is not judged. */
export function tableOf(rows: readonly Row[], judge = true): string {
  const lines = rows.map((row) => [...cellsOf(row), judge ? verdictOf(row) : '']);
  const widths = heads.map((head, i) => Math.max(head.length, ...lines.map((line) => line[i]!.length)));
  const leftAligned = new Set([0, heads.length - 1]);
  const render = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (leftAligned.has(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [render(heads), rule, ...lines.map(render)].join('\n');
}

/** What each floor is, remarks, and the rows that were not run. */
export function footnotesOf(rows: readonly Row[], notRun: readonly NotRun[]): string {
  const floors = rows.flatMap(({ name, floor, note }) => [
    ...(floor ? [`  ${name}: against ${floor.name}${note === undefined ? '' : `; ${note}`}`] : []),
    ...(!floor && note !== undefined ? [`  ${name}: ${note}`] : []),
  ]);
  const missing = notRun.map(({ name, reason }) => `  ${name}: ${reason}`);
  return [
    ...(floors.length > 0 ? ['Against what', ...floors] : []),
    ...(missing.length > 0 ? ['', 'Not run', ...missing] : []),
  ].join('\n');
}

/** `met`, or by how much the target was missed; empty where there is none. */
export function verdictOf({ measured, target }: Row): string {
  if (!measured || !target) return '';
  const { bound, value } = target;
  const missed = bound === 'at least' ? 1 - measured.value / value : measured.value / value - 1;
  if (missed <= 0) return 'met';
  return `${bound === 'at least' ? 'below' : 'above'} by ${Math.ceil(missed * 100)} %`;
}

function cellsOf(row: Row): string[] {
  const { name, microseconds, floor, measured, target } = row;
  return [
    name,
    microseconds === undefined ? '' : significant(microseconds),
    microseconds === undefined ? '' : Math.round(1_000_000 / microseconds).toLocaleString('en'),
    floor ? significant(floor.microseconds) : '',
    measured ? quantity(measured.value, measured.unit) : '',
    target && measured ? `${signs[target.bound]} ${quantity(target.value, measured.unit)}` : '',
  ];
}

const signs: Record<Target['bound'], string> = { 'at least': '≥', 'at most': '≤' };

function quantity(value: number, unit: Unit): string {
  const digits = unit === 'bytes' ? String(Math.round(value)) : significant(value);
  return unit === '×' ? `${digits}×` : `${digits} ${unit}`;
}

/** Three digits that mean something. */
function significant(value: number): string {
  if (value >= 100) return String(Math.round(value));
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
