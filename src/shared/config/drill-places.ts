import type { EngineName } from './source-schema.ts';

/** Where a backup is restored to prove that it can be: on a server that must be named, in a folder of the worker, or nowhere. */
export type DrillPlace = 'on a server' | 'in a folder' | 'never';

const places: Readonly<Record<EngineName, DrillPlace>> = {
  postgres: 'on a server',
  mysql: 'on a server',
  mariadb: 'on a server',
  sqlite: 'in a folder',
  redis: 'in a folder',
  // Only its operator knows what its restore program writes to.
  command: 'never',
};

/** An engine that only a manifest of another release names needs a server, as far as is known. */
export function drillPlaceOf(engine: string): DrillPlace {
  return Object.hasOwn(places, engine) ? places[engine as EngineName] : 'on a server';
}
