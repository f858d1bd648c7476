import { change, one, statement, type Work } from '../../kernel/work.ts';

const stretchingName = 'key_stretching';

const selectStoreTable = statement(`
  SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = 'store'`);
/** Whether the file is a store already. */
export function* isStore(): Work<boolean> {
  return (yield* one(selectStoreTable)) !== undefined;
}

const selectStretching = statement(`SELECT value FROM store WHERE name = '${stretchingName}'`);
export function* storedStretching(): Work<string | undefined> {
  return (yield* one<{ value: string }>(selectStretching))?.value;
}

const insertStretching = statement(`
  INSERT INTO store (name, value) VALUES ('${stretchingName}', $1) ON CONFLICT DO NOTHING`);
export const addStretching = (value: string) => change(insertStretching, [value]);
