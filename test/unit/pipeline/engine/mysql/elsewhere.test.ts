import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { refuseUnwritten } from '../../../../../src/pipeline/engine/mysql/elsewhere.ts';
import { mariadbSource } from '../../../../support/mariadb-backup.ts';

const source = mariadbSource('mariadb://backup@127.0.0.1/shop');

/** As MariaDB 10.11 writes them in information_schema.TABLES. */
const inward = [
  '',
  'partitioned',
  "`table_type`='DBF'",
  "`table_type`='bin'",
  "max_rows=10 `table_type`='VEC'",
  "`TABLE_TYPE`='JSON'",
];
const outward = [
  "`option_list`='file_name=x.txt'",
  "`table_type`='CSV' `file_name`='out.csv' `header`='1'",
  "`TABLE_TYPE`='MYSQL'",
  "`TABLE_TYPE`='PROXY' `TABNAME`='remote.src'",
  "`TABLE_TYPE`='VIR' `BLOCK_SIZE`='10'",
  "`table_type`='TBL' `table_list`='remote.src,shop.c1'",
];

describe('a table of an engine that keeps rows elsewhere', () => {
  const tableOf = (engine: string, options: string) => ({ name: 'item', engine, options });

  it('is refused where the server keeps the rows in a file of its own', () => {
    for (const options of inward)
      assert.throws(() => refuseUnwritten([tableOf('CONNECT', options)], source), {
        code: 'CONFIG_INVALID',
        message: /CONNECT.*: item$/,
      });
  });

  it('is not where the rows are of something else, or not asked for', () => {
    for (const options of outward) refuseUnwritten([tableOf('CONNECT', options)], source);
    refuseUnwritten([tableOf('FEDERATED', '')], source);
    const all = { include: [], exclude: [], excludeData: [] };
    for (const changes of [
      { tables: { ...all, exclude: ['item'] } },
      { tables: { ...all, excludeData: ['i*'] } },
      { schemaOnly: true },
    ])
      refuseUnwritten([tableOf('CONNECT', '')], { ...source, ...changes });
  });
});
