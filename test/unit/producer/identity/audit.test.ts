import assert from 'node:assert/strict';
import { readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Redis } from 'ioredis';
import type { Current } from '../../../../src/producer/current.ts';
import type { Audit } from '../../../../src/producer/identity/access.ts';
import { createAudit } from '../../../../src/producer/identity/audit.ts';
import { hasCode } from '../../../../src/shared/errors.ts';
import { connectRedis } from '../../../../src/shared/redis.ts';
import { Secret } from '../../../../src/shared/secret.ts';
import { withFolder } from '../../../support/folder.ts';
import { createMemoryLogger } from '../../../support/memory-logger.ts';
import { sharedRedis } from '../../../support/redis.ts';
import { until } from '../../../support/until.ts';

interface Bench {
  audit: ReturnType<typeof createAudit>;
  redis: Redis;
  file: string;
  lines: readonly string[];
}

let count = 0;

function withAudit(url: string, use: (bench: Bench) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const redis = connectRedis({ url: new Secret(url), role: 'client', onError: () => undefined });
    const file = join(folder, 'audit.jsonl');
    count += 1;
    const config = { installation: `audit-${process.pid}-${count}`, audit: { file } };
    const current = (() => ({ config })) as unknown as Current;
    const logger = createMemoryLogger();
    const clock = () => new Date('2026-03-01T00:00:00Z');
    try {
      await use({ audit: createAudit({ redis, current, logger, clock }), redis, file, lines: logger.lines });
    } finally {
      redis.disconnect();
    }
  });
}

function record(audit: Audit, database: string): void {
  const who = { who: 'ci', role: 'operator', face: 'rest', from: '192.0.2.1' } as const;
  audit.record({ ...who, what: 'backup', about: { database }, outcome: 'done', code: null });
}

const databasesIn = (text: string): string[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { about: { database: string } }).about.database);

describe('the audit log', () => {
  it('is read newest first, page after page, and each line once', async () => {
    const server = await sharedRedis();
    await withAudit(server.url, async ({ audit, redis }) => {
      await redis.connect();
      for (const name of ['a', 'b', 'c', 'd', 'e']) record(audit, name);
      await audit.close();
      const pages: (string | undefined)[][] = [];
      let after: string | undefined;
      do {
        const { entries, next } = await audit.read({ limit: 2, after });
        pages.push(entries.map(({ about }) => about.database));
        after = next ?? undefined;
      } while (after !== undefined);
      assert.deepEqual(pages, [['e', 'd'], ['c', 'b'], ['a']]);
      await assert.rejects(audit.read({ limit: 2, after: '+ COUNT 9' }), (error) => hasCode(error, 'USAGE'));
    });
    await server.stop();
  });

  it('goes on in a new file where the old one was moved away, for its owner alone, without Redis', () =>
    withAudit('redis://127.0.0.1:1', async ({ audit, file, lines }) => {
      record(audit, 'a');
      record(audit, 'b');
      await audit.close();
      await rename(file, `${file}.1`);
      record(audit, 'c');
      await audit.close();
      assert.deepEqual(databasesIn(await readFile(`${file}.1`, 'utf8')), ['a', 'b']);
      assert.deepEqual(databasesIn(await readFile(file, 'utf8')), ['c']);
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      assert.equal(lines.filter((line) => line === 'info audit').length, 3);
      await assert.rejects(audit.read({ limit: 1, after: undefined }), (error) =>
        hasCode(error, 'REDIS_UNAVAILABLE'),
      );
    }));

  it('keeps nobody waiting for a file that cannot be written, and says so', () =>
    withAudit('redis://127.0.0.1:1', async ({ audit, file, lines }) => {
      await rm(join(file, '..'), { recursive: true });
      record(audit, 'a');
      await until('the log says so', () => lines.some((line) => line.includes('could not be written')));
      assert.ok(lines.some((line) => line === 'info audit'));
    }));
});
