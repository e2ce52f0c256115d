import { join } from 'node:path';
import { createTools } from '../../src/pipeline/process/tools.ts';
import { createResources } from '../../src/pipeline/resources.ts';
import type { Loaded } from '../../src/producer/current.ts';
import { loadConfig } from '../../src/shared/config/load.ts';
import { newBackupId } from '../../src/shared/ids.ts';
import { storeManifest } from '../../test/support/catalog-objects.ts';
import type { Installation } from '../../test/support/installation.ts';
import { forEachAtOnce } from './at-once.ts';
import { openMain } from './session.ts';

const storedAtOnce = 16;
const minutesOfDay = 1_440;

/** Which are due at the same minute of a day, and when. */
interface Due {
  names: ReadonlySet<string>;
  at: Date;
}

/** Databases of a configuration, none of which is ever reached. Those that are `due` are so at that instant; the others are spread over the day. */
export function configured(
  count: number,
  due: Due = { names: new Set(), at: new Date(0) },
): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => {
      const name = nameOf(index);
      const minute = due.names.has(name) ? minuteOf(due.at) : index % minutesOfDay;
      const schedule = `${minute % 60} ${Math.floor(minute / 60)} * * *`;
      const url = `postgres://backup:password-of-${name}-${index * 7919}@db-${index % 40}.invalid/tenant_${index}`;
      return [name, { engine: 'postgres', url, schedule }];
    }),
  );
}

/** How many of so many databases have another schedule for it. */
export function moved(count: number, due: Due): number {
  const [before, after] = [configured(count), configured(count, due)];
  return Object.keys(before).filter((name) => before[name]?.schedule !== after[name]?.schedule).length;
}

export function nameOf(index: number): string {
  return `tenant-${String(index).padStart(5, '0')}`;
}

function minuteOf(at: Date): number {
  return at.getUTCHours() * 60 + at.getUTCMinutes();
}

export async function loaded({ path, env }: Installation): Promise<Loaded> {
  const config = await loadConfig({ file: join(path, 'backupdata.yaml'), env });
  const tools = createTools({ path: env.PATH ?? '', only: undefined, home: env.HOME });
  return { config, resources: createResources({ config, tools }) };
}

/** A backup of each, an hour old. */
export async function storeOneEach({ config }: Loaded, signal: AbortSignal): Promise<void> {
  const storage = await openMain(config);
  const at = new Date(Date.now() - 3_600_000);
  const finishedAt = at.toISOString();
  await forEachAtOnce(storedAtOnce, [...config.databases.keys()], async (database) => {
    signal.throwIfAborted();
    const backupId = newBackupId({ database, at, slot: at });
    await storeManifest(storage, {
      backupId,
      database,
      snapshotAt: finishedAt,
      startedAt: finishedAt,
      finishedAt,
    });
  });
}
