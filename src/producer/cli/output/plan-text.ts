import type { Plan } from '../../scheduler/reconcile.ts';

/** A schedule by name: `shop`, or `shop (verify)`. */
interface Named {
  name: string;
  expression: string;
  timezone: string;
}

/** What a producer would do to the schedules in Redis. */
export interface PlanDocument {
  added: readonly Named[];
  changed: readonly (Named & { before: Omit<Named, 'name'> })[];
  removed: readonly Named[];
}

export function planDocument({ added, changed, removed }: Plan): PlanDocument {
  return {
    added: added.map(({ id, pattern, tz }) => named(id, { pattern, tz })),
    changed: changed.map(({ schedule: { id, pattern, tz }, known }) => {
      const { expression, timezone } = named(id, known);
      return { ...named(id, { pattern, tz }), before: { expression, timezone } };
    }),
    removed: removed.map((known) => named(known.key, known)),
  };
}

export function planText({ added, changed, removed }: PlanDocument): string {
  const lines = [
    ...added.map((each) => `+ ${each.name}: ${whenOf(each)}`),
    ...changed.map((each) => `~ ${each.name}: ${whenOf(each.before)} becomes ${whenOf(each)}`),
    ...removed.map((each) => `- ${each.name}: ${whenOf(each)}`),
  ];
  return lines.length === 0 ? 'The schedules are as they should be.' : lines.join('\n');
}

function named(id: string, { pattern = '', tz = 'UTC' }: { pattern?: string; tz?: string }): Named {
  const [kind = '', ...rest] = id.split(':');
  const name = rest.join(':');
  return { name: kind === 'backup' ? name : `${name} (${kind})`, expression: pattern, timezone: tz };
}

function whenOf({ expression, timezone }: Omit<Named, 'name'>): string {
  return `${expression} ${timezone}`;
}
