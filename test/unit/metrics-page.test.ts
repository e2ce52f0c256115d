import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { metricsByOwner, metricsPage, metricsPagePath } from '../../script/metrics-page.ts';

describe('docs/metrics.md', () => {
  it('is what the registry says; `npm run docs:metrics` writes it', async () => {
    assert.equal(await readFile(metricsPagePath, 'utf8'), await metricsPage());
  });

  it('has every metric once', () => {
    const names = Object.values(metricsByOwner()).flatMap((each) => each.map(({ name }) => name));
    assert.deepEqual(names, [...new Set(names)]);
    for (const each of ['backup_stale', 'backup_success_total']) assert.ok(names.includes(each), each);
  });
});
