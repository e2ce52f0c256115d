import type { RestoreFacts } from '../../../shared/manifest.ts';
import type { EngineInstructions, InstructionsRequest } from '../engine.ts';
import { shellQuote } from '../shell-quote.ts';
import { settingStatement } from './settings.ts';

/** The new database's name, for the shell: the reader may set TARGET. */
const target = '"${TARGET:-restored}"';

/**
 * How to read and restore the parts with PostgreSQL's own programs. The connection comes from the reader's PGHOST,
 * PGUSER and so on; where the backup has no globals, owners and grants are left out, because they could not be made.
 */
export function instructions({ parts, restore, decode }: InstructionsRequest): EngineInstructions {
  const data = parts
    .filter((part) => part.kind === 'data')
    .map(decode)
    .join('');
  const globals = parts.filter((part) => part.kind === 'globals').map(decode);
  const counts = parts.filter((part) => part.kind === 'counts').map(decode);
  const left = globals.length > 0 ? '' : ' --no-owner --no-privileges';
  const settings = restore.settings.map((setting) => settingStatement(':"DBNAME"', setting));
  return {
    needs: `PostgreSQL's client tools of version ${restore.minToolVersion} or newer (pg_restore, createdb, psql)`,
    show: { title: 'Show the dump as SQL', command: `${data} | pg_restore --file=-` },
    restore: [
      ...globals.map((decoded) => ({
        title:
          'Make the roles (first; those that exist are reported and left as they are, and passwords are not in the backup)',
        commands: [`${decoded} | psql --no-psqlrc --quiet --dbname=postgres`],
      })),
      {
        title:
          'Restore into a new database (TARGET, or "restored"; the server is the one that PGHOST, PGPORT, PGUSER and PGPASSWORD name)',
        commands: [
          createdb(restore, globals.length > 0),
          `${data} | pg_restore --exit-on-error${left} --dbname=${target}`,
          ...settings.map(
            (statement) =>
              `printf '%s\\n' ${shellQuote(`${statement};`)} | psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname=${target}`,
          ),
        ],
      },
      ...counts.map((decoded) => ({
        title: 'Show how many rows each table had, to compare',
        commands: [decoded],
      })),
    ],
  };
}

function createdb(
  { encoding, collate, ctype, provider, locale, owner }: RestoreFacts,
  withOwner: boolean,
): string {
  const options = [
    `--template=template0 --encoding=${shellQuote(encoding)}`,
    `--lc-collate=${shellQuote(collate)} --lc-ctype=${shellQuote(ctype)}`,
    ...(provider ? [`--locale-provider=${provider} --${provider}-locale=${shellQuote(locale ?? '')}`] : []),
    ...(withOwner ? [`--owner=${shellQuote(owner)}`] : []),
  ];
  return `createdb ${options.join(' ')} ${target}`;
}
