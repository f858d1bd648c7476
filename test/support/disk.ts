import { spawnSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { temporaryFolder } from './processes.ts';

const mounted: string[] = [];
afterEach(unmountAll);

function unmountAll(): void {
  for (const folder of mounted.splice(0)) spawnSync('umount', ['--lazy', folder]);
}

/** Whether file systems can be mounted here: it takes root. */
export function canMount(): boolean {
  const able = mount(temporaryFolder(), 1);
  unmountAll();
  return able;
}

function mount(folder: string, sizeMib: number): boolean {
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMib}m`, 'tmpfs', folder]);
  if (status === 0) mounted.push(folder);
  return status === 0;
}

/** An empty disk of a few mebibytes, gone after the test. */
export function smallDisk(sizeMib: number): string {
  const folder = temporaryFolder();
  if (!mount(folder, sizeMib)) throw new Error('cannot mount here');
  return folder;
}

/** Fills a disk to the last byte with a file, or up to a size; deleting it makes room again. */
export function fill(
  disk: string,
  name: string,
  mostBytes: number = Number.POSITIVE_INFINITY,
): { release(): void } {
  const file = join(disk, name);
  const handle = openSync(file, 'w');
  const block = Buffer.alloc(4096);
  try {
    for (let written = 0; written < mostBytes; ) written += writeSync(handle, block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(handle);
  }
  return { release: () => rmSync(file) };
}
