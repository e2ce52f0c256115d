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

/** What may be named. Each is found once, and not once for each of thousands of databases. */
interface Known {
  storages: Kind;
  notifiers: Kind;
  databases: Kind;
  /** Those whose databases may be named too. */
  servers: readonly (readonly [string, Parameters<typeof isWanted>[0]])[];
}

interface Kind {
  kind: string;
  known: ReadonlySet<string>;
  /** As people write it. */
  shown: readonly string[];
}

/** Every database must have one storage that exists, copies in others, and a drill on the server of a database that exists. */
export function checkNames(root: unknown): Problem[] {
  const parsed = names.safeParse(root);
  if (!parsed.success) return [];
  const { defaults, databases } = parsed.data;
  const known = knownOf(parsed.data);
  return [
    ...checkEntry(['defaults'], defaults, known),
    ...Object.entries(databases).flatMap(([database, entry]) => {
      const path = ['databases', database];
      return [...checkEntry(path, entry, known), ...checkStorage(path, entry, { defaults, known })];
    }),
  ];
}

function knownOf({ storages, notifiers, databases }: Names): Known {
  const entries = Object.entries(databases);
  const targets = entries.map(([name, { discover }]) => (discover === undefined ? name : `${name}.DATABASE`));
  return {
    storages: kindOf('storage', Object.keys(storages)),
    notifiers: kindOf('notifier', Object.keys(notifiers)),
    databases: kindOf('database', targets),
    servers: entries.flatMap(([name, { discover }]) => (discover === undefined ? [] : [[name, discover]])),
  };
}

function kindOf(kind: string, shown: readonly string[]): Kind {
  return { kind, known: new Set(shown), shown };
}

function checkEntry(
  path: Path,
  { storage, copies = [], notify = [], verify }: Named,
  known: Known,
): Problem[] {
  return [
    ...unknownName([...path, 'storage'], storage, known.storages),
    ...copies.flatMap((copy, index) => unknownName([...path, 'copies', index], copy, known.storages)),
    ...notify.flatMap((notifier, index) => unknownNotifier([...path, 'notify', index], notifier, known)),
    ...unknownTarget([...path, 'verify', 'target'], verify?.target, known),
  ];
}

function unknownNotifier(path: Path, notifier: string, { notifiers }: Known): Problem[] {
  if (notifiers.known.size > 0) return unknownName(path, notifier, notifiers);
  return [{ path, message: 'there is no notifier; describe it under notifiers' }];
}

/** A drill is held beside one database: a configured one, or one of a server by its own name. */
function unknownTarget(path: Path, target: string | undefined, { databases, servers }: Known): Problem[] {
  const onServer = servers.some(([server, discover]) => {
    const database = target?.startsWith(`${server}.`)
      ? decodeName(target.slice(server.length + 1))
      : undefined;
    return database !== undefined && isWanted(discover, database);
  });
  return onServer ? [] : unknownName(path, target, databases);
}

/** With a storage that exists, a database has exactly one of its own, and each copy goes somewhere else. */
function checkStorage(
  path: Path,
  entry: Named,
  { defaults, known: { storages } }: { defaults: Named; known: Known },
): Problem[] {
  const [only] = storages.shown.length === 1 ? storages.shown : [];
  const storage = entry.storage ?? defaults.storage ?? only;
  if (storage === undefined && storages.shown.length > 1)
    return [
      { path: [...path, 'storage'], message: `is missing, and there are several; write ${choice(storages)}` },
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

function unknownName(path: Path, name: string | undefined, kind: Kind): Problem[] {
  if (name === undefined || name === '' || kind.known.size === 0 || kind.known.has(name)) return [];
  return [{ path, message: `there is no ${kind.kind} of that name; write ${choice(kind)}` }];
}

function choice({ shown }: Kind): string {
  return shown.slice(0, 10).join(' or ');
}
