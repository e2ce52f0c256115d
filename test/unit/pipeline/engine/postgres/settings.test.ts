import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { settingStatement } from '../../../../../src/pipeline/engine/postgres/settings.ts';

describe("a database's own setting becomes SQL", () => {
  const statements: Record<string, string> = {
    'work_mem=8MB': `ALTER DATABASE d SET "work_mem" TO '8MB'`,
    'search_path="$user", "a ""b, c", public': `ALTER DATABASE d SET "search_path" TO '$user', 'a "b, c', 'public'`,
    'search_path=""': `ALTER DATABASE d SET "search_path" TO ''`,
    'DateStyle=ISO, DMY': `ALTER DATABASE d SET "DateStyle" TO 'ISO, DMY'`,
    "app.motto=it's = fine": `ALTER DATABASE d SET "app"."motto" TO 'it''s = fine'`,
    'app.empty=': `ALTER DATABASE d SET "app"."empty" TO ''`,
  };
  for (const [setting, statement] of Object.entries(statements)) {
    it(setting, () => assert.equal(settingStatement('d', setting), statement));
  }
});
