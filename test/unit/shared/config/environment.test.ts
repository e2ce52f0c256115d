import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadEnvironment } from '../../../../src/shared/config/environment.ts';
import { problemsOf } from './load-text.ts';

describe('the environment', () => {
  it('has defaults, also for variables that are empty', () => {
    const defaults = {
      redisUrl: undefined,
      host: '127.0.0.1',
      port: 8080,
      metricsPort: undefined,
      grpcPort: 50_051,
      dataDir: '.backupdata',
      logLevel: 'info',
      logFormat: undefined,
    };
    assert.deepEqual(loadEnvironment({}), defaults);
    assert.deepEqual(loadEnvironment({ REDIS_URL: '', PORT: '', LOG_LEVEL: '', HOST: undefined }), defaults);
  });

  it('is read whole', () => {
    const { redisUrl, ...rest } = loadEnvironment({
      REDIS_URL: 'rediss://u:pw-1234@r:6380/1',
      HOST: '::1',
      PORT: '0',
      METRICS_PORT: '65535',
      GRPC_PORT: '50052',
      BACKUPDATA_DATA_DIR: '/var/lib/backupdata',
      LOG_LEVEL: 'debug',
      LOG_FORMAT: 'pretty',
    });
    assert.equal(redisUrl?.reveal(), 'rediss://u:pw-1234@r:6380/1');
    assert.equal(String(redisUrl), '[redacted]');
    assert.deepEqual(rest, {
      host: '::1',
      port: 0,
      metricsPort: 65_535,
      grpcPort: 50_052,
      dataDir: '/var/lib/backupdata',
      logLevel: 'debug',
      logFormat: 'pretty',
    });
  });

  it('is refused with all of its errors at once and none of its values', async () => {
    const wrong = {
      REDIS_URL: 'http://u:c4n4ry@r',
      HOST: 'c4n4ry host',
      PORT: '65536',
      METRICS_PORT: '-1',
      GRPC_PORT: 'c4n4ry',
      LOG_LEVEL: 'c4n4ry',
      LOG_FORMAT: 'c4n4ry',
    };
    const load = async () => loadEnvironment(wrong);
    const problems = await problemsOf(load());
    assert.deepEqual(problems, [
      'environment: REDIS_URL: not valid; write redis://HOST:PORT or rediss://USER:PASSWORD@HOST:PORT',
      'environment: HOST: not valid; write an IP address or a host name',
      'environment: PORT: not valid; write a port from 0 to 65535',
      'environment: METRICS_PORT: not valid; write a port from 0 to 65535',
      'environment: GRPC_PORT: not valid; write a port from 0 to 65535',
      'environment: LOG_LEVEL: not valid; write debug or info or warn or error',
      'environment: LOG_FORMAT: not valid; write json or pretty',
    ]);
  });

  for (const port of ['80a', ' 80', '1e3', '0x50', '80.5', '٣']) {
    it(`refuses the port ${JSON.stringify(port)}`, () => {
      assert.throws(() => loadEnvironment({ PORT: port }), { code: 'CONFIG_INVALID' });
    });
  }
});
