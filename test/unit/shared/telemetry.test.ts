import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Gauge, Registry } from 'prom-client';
import { startTelemetry } from '../../../src/shared/telemetry.ts';

it('a metric that cannot be read costs its answer, and nothing else', async () => {
  const registry = new Registry();
  const collect = (): never => {
    throw new Error('no file descriptor is left');
  };
  new Gauge({ name: 'broken', help: 'Cannot be read', registers: [registry], collect });
  const telemetry = await startTelemetry({ host: '127.0.0.1', port: 0, registry, problems: () => [] });
  try {
    assert.equal((await fetch(`${telemetry.url}/metrics`)).status, 500);
    assert.equal((await fetch(`${telemetry.url}/readyz`)).status, 200);
  } finally {
    await telemetry.close();
  }
});
