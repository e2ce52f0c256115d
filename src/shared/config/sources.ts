import type { VerifyConfig } from './policy-schema.ts';
import type { Problem } from './problems.ts';
import type { ConfigFile, EngineName } from './schema.ts';

/**
 * On a server, an entry is one database by its `url` or all of them by `discover`, and no other bears a name of theirs.
 * Nothing is asserted in SQL of a product that does not know it.
 */
export function checkSources({ databases, defaults }: ConfigFile): Problem[] {
  const entries = Object.entries(databases);
  const servers = new Set(
    entries.flatMap(([name, entry]) => ('discover' in entry && entry.discover ? [name] : [])),
  );
  return entries.flatMap(([name, entry]) => [
    ...('path' in entry || 'dump' in entry || entry.engine === 'redis' ? [] : addressOf(name, entry)),
    ...(entry.engine === 'command' ? argumentsOf(name, entry) : []),
    ...assertionsOf(name, entry, entry.verify ?? defaults.verify),
    ...foldersOf(name)
      .filter((server) => servers.has(server))
      .map((server) => ({
        path: ['databases', name],
        message: `is called like a database of the server ${server}; give it another name`,
      })),
  ]);
}

/** Of `a.b.c`, `a` and `a.b`. */
function foldersOf(name: string): string[] {
  const parts = name.split('.');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('.'));
}

/** Whoever is on the machine can read arguments, and RESTORE.md quotes them. */
function argumentsOf(
  name: string,
  { environment, ...entry }: Extract<ConfigFile['databases'][string], { engine: 'command' }>,
): Problem[] {
  const secrets = Object.values(environment).map((value) => value.reveal());
  return (['dump', 'restore', 'inspect', 'check'] as const).flatMap((key) =>
    (entry[key] ?? []).flatMap((argument, index) =>
      secrets.some((secret) => secret.length >= 4 && argument.includes(secret))
        ? [
            {
              path: ['databases', name, key, index],
              message:
                'holds a value of "environment", which may be a secret; let the program read it from there',
            },
          ]
        : [],
    ),
  );
}

function addressOf(name: string, { url, discover }: { url?: unknown; discover?: unknown }): Problem[] {
  if ((url === undefined) !== (discover === undefined)) return [];
  const message =
    url === undefined
      ? 'is missing; write url for one database, or discover for every database of a server'
      : 'stands beside discover; write url for one database, or discover for every database of a server';
  return [{ path: ['databases', name, 'url'], message }];
}

function assertionsOf(
  name: string,
  { engine }: { engine: EngineName },
  verify: VerifyConfig | undefined,
): Problem[] {
  if (engine !== 'redis' || !verify?.assertions.length) return [];
  const message = 'has assertions, which are SQL, and Redis knows none; write a verify without them for it';
  return [{ path: ['databases', name, 'verify'], message }];
}
