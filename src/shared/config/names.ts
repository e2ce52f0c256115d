import { z } from 'zod';
import type { Path, Problem } from './problems.ts';
import { decodeName, isWanted } from './servers.ts';

const anything = z.unknown();
const copyNames = z
  .array(
    z.union([z.string(), z.object({ storage: z.string() }).transform(({ storage }) => storage)]).catch(''),
  )
  .catch([]);
const patterns = z.array(z.string()).catch([]);
const named = z
  .object({
    storage: z.string().optional().catch(undefined),
    discover: z.object({ include: patterns, exclude: patterns }).optional().catch(undefined),
    copies: copyNames.optional(),
    notify: z.array(z.string().catch('')).optional().catch(undefined),
    verify: z
      .object({ target: z.string().optional().catch(undefined) })
      .optional()
      .catch(undefined),
  })
  .catch({});

/** Only the names, and whatever is wrong elsewhere is let through, so that this check runs beside the schema's. */
const names = z.object({
  storages: z.record(z.string(), anything).catch({}),
  notifiers: z.record(z.string(), anything).catch({}),
  defaults: named,
  databases: z.record(z.string(), named).catch({}),
});

type Names = z.output<typeof names>;
type Named = z.output<typeof named>;

/** Every database must have one storage that exists, copies in others, and a drill on the server of a database that exists. */
export function checkNames(root: unknown): Problem[] {
  const parsed = names.safeParse(root);
  if (!parsed.success) return [];
  const { defaults, databases } = parsed.data;
  return [
    ...checkEntry(['defaults'], defaults, parsed.data),
    ...Object.entries(databases).flatMap(([database, entry]) => {
      const path = ['databases', database];
      return [...checkEntry(path, entry, parsed.data), ...checkStorage(path, entry, parsed.data)];
    }),
  ];
}

function checkEntry(path: Path, { storage, copies = [], notify = [], verify }: Named, all: Names): Problem[] {
  const storages = Object.keys(all.storages);
  return [
    ...unknownName([...path, 'storage'], storage, { kind: 'storage', known: storages }),
    ...copies.flatMap((copy, index) =>
      unknownName([...path, 'copies', index], copy, { kind: 'storage', known: storages }),
    ),
    ...notify.flatMap((notifier, index) => unknownNotifier([...path, 'notify', index], notifier, all)),
    ...unknownTarget([...path, 'verify', 'target'], verify?.target, all),
  ];
}

function unknownNotifier(path: Path, notifier: string, { notifiers }: Names): Problem[] {
  const known = Object.keys(notifiers);
  if (known.length > 0) return unknownName(path, notifier, { kind: 'notifier', known });
  return [{ path, message: 'there is no notifier; describe it under notifiers' }];
}

/** A drill is held beside one database: a configured one, or one of a server by its own name. */
function unknownTarget(path: Path, target: string | undefined, { databases }: Names): Problem[] {
  const entries = Object.entries(databases);
  const onServer = entries.some(([server, { discover }]) => {
    const database = target?.startsWith(`${server}.`)
      ? decodeName(target.slice(server.length + 1))
      : undefined;
    return discover !== undefined && database !== undefined && isWanted(discover, database);
  });
  if (onServer) return [];
  const known = entries.map(([name, { discover }]) => (discover === undefined ? name : `${name}.DATABASE`));
  return unknownName(path, target, { kind: 'database', known });
}

/** With a storage that exists, a database has exactly one of its own, and each copy goes somewhere else. */
function checkStorage(path: Path, entry: Named, { storages, defaults }: Names): Problem[] {
  const known = Object.keys(storages);
  const [only] = known.length === 1 ? known : [];
  const storage = entry.storage ?? defaults.storage ?? only;
  if (storage === undefined && known.length > 1)
    return [
      { path: [...path, 'storage'], message: `is missing, and there are several; write ${choice(known)}` },
    ];
  const copies = entry.copies ?? defaults.copies ?? [];
  const twice = copies.some((copy, index) => copy === storage || copies.indexOf(copy) !== index);
  if (!twice) return [];
  return [
    {
      path: [...path, 'copies'],
      message: 'a copy goes to another storage than the backup, and to each once',
    },
  ];
}

function unknownName(
  path: Path,
  name: string | undefined,
  { kind, known }: { kind: string; known: readonly string[] },
): Problem[] {
  if (name === undefined || name === '' || known.length === 0 || known.includes(name)) return [];
  return [{ path, message: `there is no ${kind} of that name; write ${choice(known)}` }];
}

function choice(known: readonly string[]): string {
  return known.slice(0, 10).join(' or ');
}
