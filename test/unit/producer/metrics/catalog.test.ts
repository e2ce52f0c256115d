import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Registry } from 'prom-client';
import type { DatabaseFreshness } from '../../../../src/producer/freshness/freshness.ts';
import { addCatalogGauges } from '../../../../src/producer/metrics/catalog.ts';
import type { Config } from '../../../../src/shared/config/schema.ts';
import { sampleConfig, sampleDatabase } from '../../../support/database.ts';
import { sampleCatalogs, sampleFreshness } from '../../../support/freshness.ts';

const mebibyte = 1_048_576;
const secondsOf = (time: string): number => Date.parse(time) / 1_000;

describe('the gauges of the catalog', () => {
  it('tell of the newest backup, its proof and its limit', async () => {
    const lines = await scrape({ databases: [sampleFreshness({ maxAge: 93_600_000 })] });
    assert.deepEqual(lines, [
      `backup_last_success_timestamp_seconds{database="shop"} ${secondsOf('2026-01-02T03:04:05Z')}`,
      'backup_max_age_seconds{database="shop"} 93600',
      'backup_stale{database="shop"} 0',
      'backup_last_size_bytes{database="shop"} 1000',
      'backup_last_duration_seconds{database="shop"} 12.5',
      'backup_size_anomaly{database="shop"} 0',
      `backup_verification_last_success_timestamp_seconds{database="shop"} ${secondsOf('2026-01-02T03:05:00Z')}`,
      'backup_verification_failed{database="shop"} 0',
    ]);
  });

  it('of a database without a backup say never, and what there is none of has no series', async () => {
    const lines = await scrape({
      databases: [
        sampleFreshness({ newest: null, proven: undefined, stale: true, verificationFailed: true }),
      ],
    });
    assert.deepEqual(lines, [
      'backup_last_success_timestamp_seconds{database="shop"} 0',
      'backup_stale{database="shop"} 1',
      'backup_size_anomaly{database="shop"} 0',
      'backup_verification_last_success_timestamp_seconds{database="shop"} 0',
      'backup_verification_failed{database="shop"} 1',
    ]);
  });

  it('of a server are those of the worst of its databases, with all of their bytes', async () => {
    const on = (name: string, changes: Parameters<typeof sampleFreshness>[0] = {}): DatabaseFreshness =>
      sampleFreshness({ database: `main.${name}`, entry: 'main', maxAge: 3_600_000, ...changes });
    const databases = [
      on('fresh', { newest: { bytes: 10 * mebibyte, usualBytes: 10 * mebibyte, duration: 9_000 } }),
      on('old', {
        newest: {
          snapshotAt: new Date('2026-01-01T00:00:00Z'),
          bytes: 100 * mebibyte,
          usualBytes: 10 * mebibyte,
          duration: 3_000,
        },
        proven: { at: new Date('2025-12-01T00:00:00Z'), level: 'decode', outcome: 'ok', seconds: 1 },
        stale: true,
        verificationFailed: true,
      }),
      on('fresh_too', { newest: { bytes: mebibyte, usualBytes: null, duration: 1_000 } }),
    ];
    const template = { ...sampleDatabase({ name: 'main' }), url: sampleDatabase().url };
    const servers = new Map([['main', { template, include: [], exclude: [] }]]);
    assert.deepEqual(await scrape({ databases, config: sampleConfig({ servers }) }), [
      `backup_last_success_timestamp_seconds{database="main"} ${secondsOf('2026-01-01T00:00:00Z')}`,
      'backup_max_age_seconds{database="main"} 3600',
      'backup_stale{database="main"} 1',
      `backup_last_size_bytes{database="main"} ${111 * mebibyte}`,
      'backup_last_duration_seconds{database="main"} 9',
      'backup_size_anomaly{database="main"} 1',
      `backup_verification_last_success_timestamp_seconds{database="main"} ${secondsOf('2025-12-01T00:00:00Z')}`,
      'backup_verification_failed{database="main"} 1',
    ]);
  });

  it('have no label that the configuration does not name', async () => {
    assert.deepEqual(await scrape({ databases: [sampleFreshness({ database: 'gone' })] }), []);
  });

  for (const { what, bytes, unit = mebibyte, factor = 3, action = 'warn', shown } of [
    { what: 'three times as large', bytes: 3_001, shown: '1' },
    { what: 'not quite so large', bytes: 3_000, shown: '0' },
    { what: 'a third as large', bytes: 333, shown: '1' },
    { what: 'not quite so small', bytes: 334, shown: '0' },
    { what: 'unusual for a factor of its own', bytes: 1_300, factor: 1.2, shown: '1' },
    { what: 'unusual, and that of too little to say', bytes: 3_001, unit: 100, shown: '0' },
    { what: 'unusual where nobody asked', bytes: 9_000, action: 'off', shown: undefined },
  ] as const)
    it(`a size that is ${what} is ${shown === '1' ? 'told' : 'not told'}`, async () => {
      const config = configOf({ sizeAnomaly: { factor, last: 5, action } });
      const databases = [sampleFreshness({ newest: { bytes: bytes * unit, usualBytes: 1_000 * unit } })];
      const line = (await scrape({ databases, config })).find((each) => each.includes('size_anomaly'));
      assert.equal(line?.split(' ')[1], shown);
    });

  it('tell which storage answers', async () => {
    const lines = await scrape({ databases: [], storages: { main: null, far: 'it does not answer' } });
    assert.deepEqual(lines, ['backup_storage_up{storage="main"} 1', 'backup_storage_up{storage="far"} 0']);
  });

  it('follow the catalog and the configuration without being told', async () => {
    let databases = [sampleFreshness(), sampleFreshness({ database: 'crm' })];
    let config = configOf({}, { name: 'crm' });
    const registry = new Registry();
    addCatalogGauges({
      registry,
      current: () => ({ config, resources: noResources }),
      freshness: { databases: () => databases, storages: () => new Map() },
    });
    const stale = async () => (await linesOf(registry)).filter((each) => each.startsWith('backup_stale'));
    assert.deepEqual(await stale(), ['backup_stale{database="shop"} 0', 'backup_stale{database="crm"} 0']);
    databases = [sampleFreshness({ stale: true }), sampleFreshness({ database: 'crm' })];
    config = configOf({});
    assert.deepEqual(await stale(), ['backup_stale{database="shop"} 1']);
  });
});

/** Nothing of the gauges uses them. */
const noResources = {} as never;

function configOf(...changes: Parameters<typeof sampleDatabase>[0][]): Config {
  return sampleConfig({ databases: changes.map(sampleDatabase) });
}

async function scrape({
  databases,
  storages = {},
  config = configOf({}),
}: {
  databases: readonly DatabaseFreshness[];
  storages?: Record<string, string | null>;
  config?: Config;
}): Promise<string[]> {
  const registry = new Registry();
  const current = () => ({ config, resources: noResources });
  addCatalogGauges({ registry, current, freshness: sampleCatalogs(databases, storages) });
  return linesOf(registry);
}

async function linesOf(registry: Registry): Promise<string[]> {
  return (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}
