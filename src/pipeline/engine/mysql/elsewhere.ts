import { BackupDataError } from '../../../shared/errors.ts';
import { listSome } from '../../../shared/list-some.ts';
import { type DumpOptions, takesRows } from './selection.ts';

/** Storage engines whose rows no dump program writes, because they are in other tables, on other servers or in files. */
export const storedElsewhere = [
  ...['MRG_MyISAM', 'MRG_ISAM', 'FEDERATED', 'CONNECT', 'SPIDER', 'OQGRAPH', 'VP'],
  // Of this one it does not even write the definition.
  'S3',
] as const;

/** A table of such an engine. */
export interface TableElsewhere {
  name: string;
  engine: string;
  /** As information_schema has them. */
  options: string;
}

/** CONFIG_INVALID where rows that are nowhere else would not be in the dump, and the dump program would not say so. */
export function refuseUnwritten(tables: readonly TableElsewhere[], options: DumpOptions): void {
  const unwritten = tables
    .filter((table) => isInward(table) && takesRows(options, table.name))
    .map(({ name }) => name);
  if (unwritten.length === 0) return;
  throw new BackupDataError(
    'CONFIG_INVALID',
    `the dump would silently lack rows that are nowhere else, because the dump program writes none of the storage engine CONNECT: ${listSome(unwritten)}`,
    {
      hint: 'Give the tables another storage engine, or name them in tables.excludeData to back up their definitions only.',
    },
  );
}

const fileTypes = /^(DOS|FIX|BIN|DBF|CSV|FMT|INI|VEC|XML|JSON|BSON)$/i;

/** Whether the server keeps the rows in a file of its own: what CONNECT reads from a file of any format that was not named to it. */
function isInward({ engine, options }: TableElsewhere): boolean {
  const type = /`table_type`='([^']*)'/i.exec(options)?.[1] ?? 'DOS';
  return engine === 'CONNECT' && fileTypes.test(type) && !/file_name/i.test(options);
}
