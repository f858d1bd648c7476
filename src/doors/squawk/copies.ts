import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as model from '../../domains/missions/checkpoint-model.ts';
import { fromDoor, toDoor } from '../naming.ts';

/** Ids as this program makes them. Nothing else becomes part of a path. */
const missionIds = /^msn-[0-9a-z]{1,64}$/;
const checkpointIds = /^chk-[0-9a-z]{1,64}$/;
const latestName = 'latest.json';

const written = toDoor(model.checkpoint);
const read = fromDoor(model.checkpoint);

type Checkpoint = model.Checkpoint;

/**
 * Copies of checkpoints as files, `checkpoints/<mission>/<id>.json` in a folder, with `latest.json` beside them: what is
 * left where the database is lost. The database is what counts; a copy that cannot be written or read fails no request.
 */
export class CheckpointCopies {
  readonly #folder: string;
  readonly #failed: (error: unknown) => void;
  #writes = 0;

  constructor(folder: string, failed: (error: unknown) => void) {
    this.#folder = join(folder, 'checkpoints');
    this.#failed = failed;
  }

  /** Writes or rewrites the copy of a checkpoint; `latest`: it is the newest of its mission. */
  async write(checkpoint: Checkpoint, latest: boolean): Promise<void> {
    const place = this.#placeOf(checkpoint);
    if (!place) return;
    try {
      await mkdir(place.folder, { recursive: true, mode: 0o700 });
      const text = `${JSON.stringify(written(checkpoint), null, 2)}\n`;
      await this.#replace(place.file, text);
      if (latest) await this.#replace(place.latest, text);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Removes copies; `latest` is what is the newest of the mission from here on, if anything. */
  async remove(place: model.Place, latest: Checkpoint | null): Promise<void> {
    const own = this.#placeOf(place);
    if (!own) return;
    try {
      await rm(own.file, { force: true });
      const shown = await this.#parse(own.latest);
      if (shown?.id !== place.id) return;
      if (latest) await this.write(latest, true);
      else await rm(own.latest, { force: true });
    } catch (error) {
      this.#failed(error);
    }
  }

  /** The copy of a checkpoint; undefined where there is none that is whole. */
  async find(id: string): Promise<Checkpoint | undefined> {
    if (!checkpointIds.test(id)) return undefined;
    const missions = await readdir(this.#folder).catch(() => []);
    for (const mission of missions.filter((name) => missionIds.test(name))) {
      const found = await this.#parse(join(this.#folder, mission, `${id}.json`));
      if (found?.id === id && found.missionId === mission) return found;
    }
    return undefined;
  }

  async latest(mission: string): Promise<Checkpoint | undefined> {
    if (!missionIds.test(mission)) return undefined;
    const found = await this.#parse(join(this.#folder, mission, latestName));
    return found?.missionId === mission ? found : undefined;
  }

  #placeOf({ id, missionId }: model.Place): { folder: string; file: string; latest: string } | undefined {
    if (!checkpointIds.test(id) || !missionIds.test(missionId)) return undefined;
    const folder = join(this.#folder, missionId);
    return { folder, file: join(folder, `${id}.json`), latest: join(folder, latestName) };
  }

  /** Whole or not at all, and for nobody else to read. */
  async #replace(file: string, text: string): Promise<void> {
    const draft = `${file}.${process.pid}-${++this.#writes}.tmp`;
    await writeFile(draft, text, { mode: 0o600 });
    await chmod(draft, 0o600);
    await rename(draft, file);
  }

  async #parse(file: string): Promise<Checkpoint | undefined> {
    try {
      const parsed = model.checkpoint.safeParse(read(JSON.parse(await readFile(file, 'utf8'))));
      return parsed.success ? parsed.data : undefined;
    } catch {
      return undefined; // absent or damaged: there is no copy
    }
  }
}
