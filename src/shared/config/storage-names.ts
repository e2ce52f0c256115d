import { z } from 'zod';
import type { Problem } from './problems.ts';

const anything = z.unknown();
const named = z.object({ storage: z.string().optional().catch(undefined) }).catch({});

/** Only the names, and whatever is wrong elsewhere is let through, so that this check runs beside the schema's. */
const names = z.object({
  storages: z.record(z.string(), anything).catch({}),
  defaults: named,
  databases: z.record(z.string(), named).catch({}),
});

/** Every database must have one storage that exists. */
export function checkStorageNames(root: unknown): Problem[] {
  const parsed = names.safeParse(root);
  if (!parsed.success) return [];
  const { storages, defaults, databases } = parsed.data;
  const known = Object.keys(storages);
  if (known.length === 0) return [];
  const unknown = (name: string | undefined): boolean => name !== undefined && !known.includes(name);
  const message = `there is no storage of that name; write ${known.slice(0, 10).join(' or ')}`;
  const problems: Problem[] = [];
  if (unknown(defaults.storage)) problems.push({ path: ['defaults', 'storage'], message });
  for (const [database, { storage }] of Object.entries(databases)) {
    const path = ['databases', database, 'storage'];
    if (unknown(storage)) problems.push({ path, message });
    if (storage === undefined && defaults.storage === undefined && known.length > 1) {
      problems.push({
        path,
        message: `is missing, and there are several; write ${known.slice(0, 10).join(' or ')}`,
      });
    }
  }
  return problems;
}
