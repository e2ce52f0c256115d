import type { Source, SourceOf } from '../../src/shared/config/schema.ts';
import { sourceOfUrl } from '../../src/shared/config/source-schema.ts';

/** What is at a MariaDB's URL, with every setting at its default; `changes` make the case. */
export function mariadbSource(
  url: string,
  changes: Partial<SourceOf<'mariadb'>> = {},
): Extract<Source, { engine: 'mariadb' }> {
  const source = sourceOfUrl(url);
  if (source?.engine !== 'mariadb') throw new Error('that is not the URL of a MariaDB');
  return { ...source, ...changes };
}
