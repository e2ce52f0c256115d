import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { changesBetween, keepFixed } from '../../../../src/shared/config/changes.ts';
import { loadText } from './load-text.ts';

const text = `
storages: { main: { type: local, path: /b } }
databases:
  shop: { engine: postgres, url: "postgres://app:one-1234@db.example/shop" }
  crm: { engine: postgres, url: "postgres://app:one-1234@db.example/crm" }
  fleet: { engine: postgres, discover: { url: "postgres://app:one-1234@db.example/postgres" } }
`;

const none = { added: [], changed: [], removed: [], also: [] };

/** What a change of the text changes. */
async function changesOf(change: (text: string) => string): Promise<unknown> {
  return changesBetween(await loadText(text), await loadText(change(text)));
}

describe('what a configuration that was loaded anew has changed', () => {
  it('is nothing where it means the same', async () => {
    assert.equal(await changesOf((same) => same), undefined);
    assert.equal(await changesOf((same) => `# a comment\n${same}`), undefined);
  });

  it('is each database and server that was added, changed or removed', async () => {
    assert.deepEqual(await changesOf((old) => `${old}  new: { engine: sqlite, path: /a.db }`), {
      ...none,
      added: ['new'],
    });
    assert.deepEqual(await changesOf((old) => old.replace(/ {2}fleet.*/, '')), {
      ...none,
      removed: ['fleet'],
    });
    assert.deepEqual(await changesOf((old) => old.replace('discover: {', 'discover: { include: [a],')), {
      ...none,
      changed: ['fleet'],
    });
    assert.deepEqual(await changesOf((old) => old.replace('/crm" }', '/crm", pool: eu }')), {
      ...none,
      changed: ['crm'],
    });
  });

  it('is a password too, of which nothing is told but whose it is', async () => {
    assert.deepEqual(
      await changesOf((old) => old.replace('one-1234@db.example/shop', 'two-1234@db.example/shop')),
      {
        ...none,
        changed: ['shop'],
      },
    );
  });

  it('is every other part of it, by its name', async () => {
    assert.deepEqual(
      await changesOf(
        (old) => `${old.replace('/b }', '/c }')}\ntimeouts: { drain: 5s }\nqueue: { attempts: 3 }`,
      ),
      { ...none, also: ['storages', 'queue', 'timeouts'] },
    );
  });
});

describe('what takes effect at the next start only', () => {
  it('stays as it was, and is named', async () => {
    const first = await loadText(text);
    const queue = 'queue: { lockDuration: 50s, stalledInterval: 9s, maxStalledCount: 7, attempts: 3 }';
    const next = await loadText(`installation: other\n${queue}${text}`);
    const { config, kept } = keepFixed(first, next);
    assert.deepEqual(kept, [
      'installation',
      'queue.lockDuration',
      'queue.stalledInterval',
      'queue.maxStalledCount',
    ]);
    assert.equal(config.installation, 'default');
    assert.deepEqual(config.queue, { ...first.queue, attempts: 3 });
  });

  it('is named no more once the file says again what holds', async () => {
    const first = await loadText(text);
    assert.deepEqual(keepFixed(first, await loadText(text)).kept, []);
  });
});
