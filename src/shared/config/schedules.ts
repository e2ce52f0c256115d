import { z } from 'zod';
import { drillPlaceOf } from './drill-places.ts';
import type { Path, Problem } from './problems.ts';
import { timeZone } from './values.ts';

const scheduled = z
  .object({
    engine: z.string().default('').catch(''),
    timezone: timeZone.optional().catch(undefined),
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

/** Every schedule must be one, in the zone of each database that has it, and a scheduled drill must have a server. */
export async function checkSchedules(root: unknown): Promise<Problem[]> {
  const parsed = file.safeParse(root);
  if (!parsed.success) return [];
  const { defaults, databases } = parsed.data;
  const entries: [Path, Scheduled][] = [
    [['defaults'], defaults],
    ...Object.entries(databases).map(([name, entry]): [Path, Scheduled] => [['databases', name], entry]),
  ];
  const used = entries.filter(([, { verify }]) => verify?.schedule !== undefined);
  if (used.length === 0) return [];
  // Loaded only where something is scheduled: start-up time is what people feel.
  const { CronExpressionParser } = await import('cron-parser');
  const isSchedule = (schedule: string, tz: string): boolean => {
    try {
      CronExpressionParser.parse(schedule, { tz }).next();
      return hasFiveFields(schedule);
    } catch {
      return false;
    }
  };
  return used.flatMap(([path, { engine, verify, timezone = defaults.timezone ?? 'UTC' }]) => [
    ...(isSchedule(verify?.schedule ?? '', timezone)
      ? []
      : [{ path: [...path, 'verify', 'schedule'], message: notASchedule }]),
    ...(verify?.level === 'restore' ? placeOf(path, engine, verify.target) : []),
  ]);
}

/** Where drills are held. What `defaults` say is for every engine. */
function placeOf(path: Path, engine: string, target: unknown): Problem[] {
  const place = drillPlaceOf(engine);
  if (place === 'never') return [{ path: [...path, 'verify'], message: neverDrilled }];
  return place === 'on a server' && target === undefined
    ? [{ path: [...path, 'verify'], message: noTarget }]
    : [];
}

const neverDrilled =
  'has a schedule of drills, and what a command wrote can be restored only by hand; write level decode';

const notASchedule =
  'not a schedule that ever comes; write five fields of cron (minute, hour, day, month, weekday), such as "0 3 * * 0"';

const noTarget =
  'has a schedule of drills and no server for them; write target and the name of a database whose server may be used';

/** A sixth field would be seconds, and `H` a time at random; both are taken by the parser. */
function hasFiveFields(schedule: string): boolean {
  return schedule.trim().split(/\s+/).length === 5 && !/\bH\b/i.test(schedule);
}
