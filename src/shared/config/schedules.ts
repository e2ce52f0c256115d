import { z } from 'zod';
import type { Cron } from '../cron.ts';
import { drillPlaceOf } from './drill-places.ts';
import type { Path, Problem } from './problems.ts';
import { duration, timeZone } from './values.ts';

const scheduled = z
  .object({
    engine: z.string().default('').catch(''),
    timezone: timeZone.optional().catch(undefined),
    schedule: z.string().optional().catch(undefined),
    spread: duration.optional().catch(undefined),
    verify: z
      .object({
        level: z.string().optional().catch(undefined),
        schedule: z.string().optional().catch(undefined),
        target: z.unknown().optional(),
      })
      .optional()
      .catch(undefined),
  })
  .catch({ engine: '' });

/** Only what is about schedules, and whatever is wrong elsewhere is let through, as for names. */
const file = z.object({ defaults: scheduled, databases: z.record(z.string(), scheduled).catch({}) });

type Scheduled = z.output<typeof scheduled>;
/** What is asked of `cron.ts`. */
interface CronChecks {
  isSchedule(cron: Cron): boolean;
  /** As it is from the beginning of 1970 on. */
  shortestGap(cron: Cron): number;
}

/** Every schedule must be one, in the zone of each database that has it, and a scheduled drill must have a server. */
export async function checkSchedules(root: unknown): Promise<Problem[]> {
  const parsed = file.safeParse(root);
  if (!parsed.success) return [];
  const { defaults, databases } = parsed.data;
  const entries: [Path, Scheduled][] = [
    [['defaults'], defaults],
    ...Object.entries(databases).map(([name, entry]): [Path, Scheduled] => [['databases', name], entry]),
  ];
  if (!entries.some(([, { schedule, verify }]) => (schedule ?? verify?.schedule) !== undefined)) return [];
  // Loaded only where something is scheduled: start-up time is what people feel.
  const cron = remembering(await import('../cron.ts'));
  return entries.flatMap(([path, entry]) => {
    const { timezone: tz = defaults.timezone ?? 'UTC' } = entry;
    return [
      ...notScheduled(cron, [...path, 'schedule'], { pattern: entry.schedule, tz }),
      ...notScheduled(cron, [...path, 'verify', 'schedule'], { pattern: entry.verify?.schedule, tz }),
      ...tooSpread(cron, path, { defaults, entry, tz }),
      ...(entry.verify?.schedule === undefined ? [] : drillPlace(path, entry)),
    ];
  });
}

/** Thousands of databases have few schedules. */
function remembering({ isSchedule, shortestGap }: typeof import('../cron.ts')): CronChecks {
  return {
    isSchedule: onceEach(isSchedule),
    shortestGap: onceEach((cron) => shortestGap(cron, new Date(0))),
  };
}

function onceEach<T>(find: (cron: Cron) => T): (cron: Cron) => T {
  const known = new Map<string, T>();
  return (cron) => {
    const key = `${cron.tz} ${cron.pattern}`;
    const found = known.get(key) ?? find(cron);
    known.set(key, found);
    return found;
  };
}

function notScheduled(
  { isSchedule }: CronChecks,
  path: Path,
  { pattern, tz }: { pattern: string | undefined; tz: string },
): Problem[] {
  return pattern === undefined || isSchedule({ pattern, tz }) ? [] : [{ path, message: notASchedule }];
}

/** A slot that is put off beyond the next one would be run after it. */
function tooSpread(
  { isSchedule, shortestGap }: CronChecks,
  path: Path,
  { defaults, entry, tz }: { defaults: Scheduled; entry: Scheduled; tz: string },
): Problem[] {
  const { schedule: pattern = defaults.schedule, spread = defaults.spread ?? 0 } = entry;
  if (spread === 0 || pattern === undefined || !isSchedule({ pattern, tz })) return [];
  if (spread < shortestGap({ pattern, tz })) return [];
  const owner = entry.spread === undefined && entry.schedule !== undefined ? 'schedule' : 'spread';
  return [{ path: [...path, owner], message: 'has less time between two slots than spread puts them off' }];
}

/** Where drills are held. What `defaults` say is for every engine. */
function drillPlace(path: Path, { engine, verify }: Scheduled): Problem[] {
  if (verify?.level !== 'restore') return [];
  const place = drillPlaceOf(engine);
  if (place === 'never') return [{ path: [...path, 'verify'], message: neverDrilled }];
  return place === 'on a server' && verify.target === undefined
    ? [{ path: [...path, 'verify'], message: noTarget }]
    : [];
}

const neverDrilled =
  'has a schedule of drills, and what a command wrote can be restored only by hand; write level decode';

const notASchedule =
  'not a schedule that ever comes; write five fields of cron (minute, hour, day, month, weekday), such as "0 3 * * 0"';

const noTarget =
  'has a schedule of drills and no server for them; write target and the name of a database whose server may be used';
