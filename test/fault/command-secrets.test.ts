import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  argumentsOfAll,
  assertSilent,
  everythingInRedis,
  type Said,
  withOwnRedis,
} from '../support/eavesdrop.ts';
import { type Installation, quickQueue } from '../support/installation.ts';
import { createGate, type Gate } from '../support/misbehaving-tools.ts';

/** It appears nowhere else, and a URL writes it otherwise. */
const canary = 'Canary-command/1: x@%é';

describe('a secret of the environment that programs of the configuration are given', () => {
  it('is in nothing that is printed, logged, queued, stored, or shown as an argument, though each tells it', () =>
    withOwnRedis(async (installation) => {
      const said = await eavesdrop(installation);
      for (const each of said) assertSilent(each, [canary]);
    }));
});

const tells = 'echo "error: the token is $TOKEN" >&2';

/** Leads a database through success and failure; whatever can be read of it, place by place. */
async function eavesdrop(installation: Installation): Promise<readonly (readonly Said[])[]> {
  const { configure, start, env, path } = installation;
  const gate = createGate(path, 'dump');
  const sh = (script: string) => ['sh', '-c', script];
  const common = { engine: 'command', environment: { TOKEN: canary }, inspect: sh('echo "version $TOKEN"') };
  await configure({
    databases: {
      files: {
        ...common,
        dump: sh(`${gate.lines}; ${tells}; echo all of it`),
        restore: sh(`cat > /dev/null; ${tells}; exit 3`),
        check: sh(`cat > /dev/null; ${tells}; exit 4`),
      },
      broken: { ...common, dump: sh(`${tells}; exit 5`) },
      away: { ...common, inspect: sh(`${tells}; exit 6`), dump: ['true'] },
    },
    queue: { ...quickQueue, attempts: 1 },
  });
  const worker = await start(['worker'], { env: { LOG_LEVEL: 'debug' } });
  const atWork = await whileDumping(installation, gate);
  const printed = await failures(installation);
  assert.equal(await worker.stop(), 0);
  assert.match(worker.log(), /the token is \[redacted\]/);
  const redis = await everythingInRedis(env.REDIS_URL ?? '');
  return [atWork, printed, redis, await everythingStored(installation), [['the log', worker.log()]]];
}

async function whileDumping({ run }: Installation, gate: Gate): Promise<readonly Said[]> {
  const running = run('backup', 'files', '--json');
  await gate.reached();
  const all = [...(await argumentsOfAll())];
  const environments = await Promise.all(
    all.map(([pid]) => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')),
  );
  assert.ok(
    environments.some((text) => text.includes(canary)),
    'the program has it, and it would be found',
  );
  await gate.open();
  const { code, stdout, stderr } = await running;
  assert.equal(code, 0, stderr);
  return [...all.map(([pid, text]): Said => [`the arguments of ${pid}`, text]), ['backup', stdout + stderr]];
}

/** Through the worker, and by the command itself where it can. */
async function failures({ run }: Installation): Promise<readonly Said[]> {
  const restore = ['restore', 'files', '--to', 'files/there', '--confirm', 'there'];
  const said: Said[] = [];
  for (const words of [
    ['backup', 'broken'],
    ['backup', 'broken', '--json'],
    ['backup', 'away'],
    restore,
    [...restore, '--here', '--json'],
    ['verify', 'files'],
    ['verify', 'files', '--here', '--json'],
  ]) {
    const { code, stdout, stderr } = await run(...words);
    assert.notEqual(code, 0, words.join(' '));
    assert.match(stderr, /the token is \[redacted\]/, words.join(' '));
    said.push([words.join(' '), stdout + stderr]);
  }
  return said;
}

async function everythingStored({ backups, stored }: Installation): Promise<readonly Said[]> {
  const keys = await stored();
  const said = await Promise.all(
    keys.map(async (key): Promise<Said> => [key, key + (await readFile(join(backups, key), 'utf8'))]),
  );
  assert.ok(
    said.some(([, text]) => text.includes('version [redacted]')),
    'the manifest has what inspect said',
  );
  return said;
}
