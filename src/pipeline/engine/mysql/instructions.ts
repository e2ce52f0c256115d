import type { EngineInstructions, InstructionsRequest } from '../engine.ts';
import { shellQuote } from '../shell-quote.ts';
import { identifier } from './session.ts';

/** The new database's name, for the shell: the reader may set TARGET. */
const target = '"${TARGET:-restored}"';

/**
 * A dump names its source around objects that were made under another collation, in defaults that come from a sequence, in
 * views, and in the heads of triggers; restored under another name as it is, it would change the source, or use it.
 */
function renamed(source: string): string {
  const name = identifier(source).replaceAll(/[\\/.*+?()[\]{}^$|]/g, '\\$&');
  return [
    'LC_ALL=C sed -E',
    `-e 's/^ALTER DATABASE \`[^\`]*\` (CHARACTER SET [^ ]+ COLLATE [^ ]+ ;+)$/ALTER DATABASE \`'${target}'\` \\1/'`,
    "-e '/^  `/s/ DEFAULT nextval\\(`[^`]*`\\./ DEFAULT nextval(/'",
    `-e ${shellQuote(`/^\\/\\*!50001 (CREATE ALGORITHM=.* )?VIEW \`/s/${name}\\.//g`)}`,
    "-e '/^\\/\\*!50003 CREATE\\*\\/ /s/ (TRIGGER +(IF NOT EXISTS +)?)[^ .]+\\./ \\1/I'",
    "-e '/^\\/\\*!50003 CREATE\\*\\/ /s/ ((INSERT|UPDATE|DELETE) +ON +)[^ .]+\\./ \\1/I'",
  ].join(' ');
}

/** How to read and restore the part with the product's own client; the connection comes from the reader's own options. */
export function instructions({ source, parts, restore, decode }: InstructionsRequest): EngineInstructions {
  const data = parts
    .filter((part) => part.kind === 'data')
    .map(decode)
    .join('');
  const globals = parts.filter((part) => part.kind === 'globals').map(decode);
  const { encoding, collate } = restore;
  return {
    needs: "MariaDB's or MySQL's client program (`mariadb`; where it is called `mysql`, write that)",
    show: { title: 'Show the dump, which is SQL', command: data },
    restore: [
      {
        title:
          'Restore into a new database (TARGET, or "restored"; the server and the user are those of your ~/.my.cnf; on the source\'s own server look first whether a trigger whose head has several lines names the source)',
        commands: [
          `mariadb --execute='CREATE DATABASE \`'${target}'\` CHARACTER SET ${encoding} COLLATE ${collate}'`,
          `${data} | ${renamed(source)} | mariadb --binary-mode --comments --max-allowed-packet=1G --database=${target}`,
        ],
      },
      ...globals.map((decoded) => ({
        title:
          'Make the users and grant them what they had (last, because grants name tables; those that exist are reported and granted it too; each that is made is locked, since passwords are not in the backup; where the database has another name now, change it in the grants)',
        commands: [`${decoded} | mariadb --binary-mode --force`],
      })),
    ],
  };
}
