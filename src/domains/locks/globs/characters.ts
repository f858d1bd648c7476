/** Unicode code points, as sorted, disjoint, inclusive ranges. */
export type Characters = readonly (readonly [from: number, to: number])[];

export const slash = 0x2f;
const dot = 0x2e;
const space = 0x20;

/** What a segment of a normal path may consist of: no control characters, no surrogates, no slash. */
export const anyCharacter: Characters = [
  [0x20, 0x2e],
  [0x30, 0x7e],
  [0x80, 0xd7ff],
  [0xe000, 0x10ffff],
];

/** A normal segment does not end in one of these; `.` and `..` are thereby no segments. */
export const unfitToEnd: Characters = [
  [space, space],
  [dot, dot],
];

export const fitToEnd = without(anyCharacter, unfitToEnd);

export function single(code: number): Characters {
  return [[code, code]];
}

/** Sorts and merges. */
export function union(ranges: Characters): Characters {
  const merged: [number, number][] = [];
  for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

export function intersection(a: Characters, b: Characters): Characters {
  const common: [number, number][] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const from = Math.max(a[i]![0], b[j]![0]);
    const to = Math.min(a[i]![1], b[j]![1]);
    if (from <= to) common.push([from, to]);
    if (a[i]![1] < b[j]![1]) i++;
    else j++;
  }
  return common;
}

export function without(a: Characters, b: Characters): Characters {
  const rest: [number, number][] = [];
  for (const [from, to] of a) {
    let start = from;
    for (const [skipFrom, skipTo] of b) {
      if (skipTo < start || skipFrom > to) continue;
      if (skipFrom > start) rest.push([start, skipFrom - 1]);
      start = skipTo + 1;
    }
    if (start <= to) rest.push([start, to]);
  }
  return rest;
}

export function includes(characters: Characters, code: number): boolean {
  for (let i = 0; i < characters.length; i++) {
    const range = characters[i]!;
    if (range[0] <= code && code <= range[1]) return true;
  }
  return false;
}

const letters: Characters = [[0x61, 0x7a]];

/** The member that reads best in an error: the first letter, else the first of all. */
export function mostReadable(characters: Characters): number {
  return (intersection(characters, letters)[0] ?? characters[0]!)[0];
}

/** Order of `mostReadable`: letters first. */
export function readability(code: number): number {
  return includes(letters, code) ? code - 0x110000 : code;
}
