import { databasesStored, listEntries } from '../../pipeline/catalog/catalog.ts';
import type { Storage } from '../../pipeline/storage/storage.ts';
import type { Config } from '../../shared/config/schema.ts';
import { configuredNames, findDatabase, nameMeant } from '../../shared/config/servers.ts';
import { nearestOf } from '../../shared/config/suggest.ts';
import { BackupDataError } from '../../shared/errors.ts';
import { isDatabaseName } from '../../shared/ids.ts';

interface Search {
  backup: string;
  config: Pick<Config, 'databases' | 'servers'>;
  storages: readonly Storage[];
  signal: AbortSignal;
}

const suggestions = 3;

/** BACKUP_NOT_FOUND: where it was looked for, and what may have been meant. */
export async function notLocated(search: Search): Promise<BackupDataError> {
  const { backup, config, storages } = search;
  const names = storages.map(({ name }) => name);
  const where = `${names.length === 1 ? 'storage' : 'storages'} ${names.join(', ')}`;
  if (config.servers.has(backup)) return isServer(search);
  if (findDatabase(config, backup)) {
    return new BackupDataError('BACKUP_NOT_FOUND', `there is no backup of "${backup}" yet in ${where}`, {
      hint: `Make one with \`backupdata backup ${backup}\`.`,
    });
  }
  const near = await nearIds(search);
  const database = nearestOf(backup, configuredNames(config));
  const meant = near.length > 0 ? near.join(', ') : (nameMeant(config, backup) ?? database);
  return new BackupDataError('BACKUP_NOT_FOUND', `there is no backup "${backup}" in ${where}`, {
    hint: meant === undefined ? 'See what there is with `backupdata list`.' : `Did you mean ${meant}?`,
  });
}

/** A server has no backups of its own, so none of them can be the latest. */
async function isServer({ backup, storages, signal }: Search): Promise<BackupDataError> {
  const lists = await Promise.all(
    storages.map((storage) => databasesStored({ storage, server: backup, signal }).catch(() => [])),
  );
  const databases = [...new Set(lists.flat())].sort();
  return new BackupDataError('BACKUP_NOT_FOUND', `"${backup}" is a server, and a backup is of one database`, {
    hint:
      databases.length === 0
        ? `None of its databases has a backup yet; make them with \`backupdata backup ${backup}\`.`
        : `Name one: ${databases.slice(0, 10).join(', ')}${databases.length > 10 ? ' and more' : ''}.`,
  });
}

/** Ids of the same database that begin as the one asked for does, for as long as possible; empty when it names no database. */
async function nearIds({ backup, config, storages, signal }: Search): Promise<string[]> {
  const owner = ownerOf(backup, [...config.databases.keys()]);
  if (owner === undefined) return [];
  const lists = storages.map((storage) => listEntries({ storage, database: owner, signal }).catch(() => []));
  const ids = new Set((await Promise.all(lists)).flat().map(({ backupId }) => backupId));
  return [...ids].toSorted((a, b) => commonLength(b, backup) - commonLength(a, backup)).slice(0, suggestions);
}

/** The database whose id this is, or the beginning of one: `shop-2026`, `shop-20261122T124001Z-abc2`. */
function ownerOf(backup: string, databases: readonly string[]): string | undefined {
  const named = /^(.+)-\d{8}T\d{6}Z/.exec(backup)?.[1];
  if (named !== undefined && isDatabaseName(named)) return named;
  const begun = databases.filter((database) => backup.startsWith(`${database}-`));
  return begun.toSorted((a, b) => b.length - a.length)[0];
}

function commonLength(a: string, b: string): number {
  const letters = Array.from(a);
  const differs = letters.findIndex((letter, index) => letter !== b[index]);
  return differs === -1 ? letters.length : differs;
}
