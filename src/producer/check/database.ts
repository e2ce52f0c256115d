import type { DumpPlan } from '../../pipeline/engine/engine.ts';
import type { Resources } from '../../pipeline/resources.ts';
import type { DatabaseConfig } from '../../shared/config/schema.ts';
import { formatBytes } from '../../shared/config/units.ts';
import { type Finding, ok, warning } from './finding.ts';

/** Goes as far as a backup does before it dumps: connects, chooses the tools, and makes the globals. */
export async function checkDatabase(options: {
  database: DatabaseConfig;
  resources: Pick<Resources, 'engine' | 'context'>;
  signal: AbortSignal;
}): Promise<readonly Finding[]> {
  const { database, resources, signal } = options;
  const engine = await resources.engine(database.engine);
  const context = resources.context(signal);
  const inspection = await engine.inspect(database, context);
  const { serverVersion, toolVersion } = inspection.engine;
  const plan = await engine.plan(database, inspection, context);
  const missing = await missingGlobals(plan, signal).finally(() => plan.close());
  const size = formatBytes(inspection.estimatedSourceBytes);
  const storages = [database.storage, ...database.copies.map(({ storage }) => storage)].join(', copied to ');
  return [
    ok(
      `database ${database.name}`,
      `${engine.name} ${serverVersion}, tools ${toolVersion}, about ${size}, storage ${storages}`,
    ),
    ...missing.map((why) =>
      warning(
        `globals of ${database.name}`,
        why,
        'Let its user read them, or keep the roles of that server in another way.',
      ),
    ),
  ];
}

/** Why the globals cannot be made; empty when nothing is missing. Other parts are too large to be made for a check. */
async function missingGlobals(plan: DumpPlan, signal: AbortSignal): Promise<string[]> {
  const made = await Promise.all(
    plan.parts.map(({ kind, source }) =>
      kind === 'globals' && typeof source === 'function' ? source(signal) : undefined,
    ),
  );
  return made.flatMap((part) => (part && 'missing' in part ? [part.missing] : []));
}
