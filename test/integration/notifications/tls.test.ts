import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { withReleases } from '../../../src/shared/lifecycle.ts';
import { withFolder } from '../../support/folder.ts';
import { type SinkTls, startHttpSink } from '../../support/http-sink.ts';
import { startSmtpSink } from '../../support/smtp-sink.ts';
import { type KeyPair, makeTestCa } from '../../support/tls.ts';

const main = resolve(import.meta.dirname, '../../../src/main.ts');

describe('a notifier over TLS', () => {
  for (const host of ['127.0.0.1', 'localhost'])
    it(`takes a certificate that is good for ${host}`, () =>
      withBench(async ({ test, taken }) => {
        for (const name of ['hook', 'mail']) {
          const { code, stderr } = await test(name, { host, trusted: true });
          assert.deepEqual([code, stderr], [0, '']);
        }
        assert.deepEqual(taken(), { hook: 1, mail: 1 });
      }));

  it('sends nothing where the certificate is of nobody it trusts, or of another host', () =>
    withBench(async ({ test, taken }) => {
      const host = '127.0.0.1';
      for (const name of ['hook', 'mail', 'hookOfAnother', 'mailOfAnother']) {
        const { code, stderr } = await test(name, { host, trusted: name.endsWith('Another') });
        assert.equal(code, 5, stderr);
        assert.match(
          stderr,
          /^error: the notifier \w+ \(\w+ at 127\.0\.0\.1\) could not be (reached|told) \([A-Z_]+\)\n/,
        );
      }
      assert.deepEqual(taken(), { hook: 0, mail: 0 });
    }));
});

interface Bench {
  /** Runs `notify test` in a process of its own, which trusts the CA of the test or not. */
  test(
    name: string,
    how: { host: string; trusted: boolean },
  ): Promise<{ code: number | null; stderr: string }>;
  taken(): { hook: number; mail: number };
}

function withBench(use: (bench: Bench) => Promise<void>): Promise<void> {
  return withFolder((path) =>
    withReleases(async (releases) => {
      const good = await makeTestCa(join(path, 'ca'));
      const another = await makeTestCa(join(path, 'another'), 'backup', 'DNS:other.example.com');
      const services = async ({ server }: { server: KeyPair }) => {
        const [http, smtp] = [await startHttpSink(await pem(server)), await startSmtpSink(await pem(server))];
        releases.push(http.close);
        releases.push(smtp.close);
        return { http, smtp };
      };
      const [own, others] = [await services(good), await services(another)];
      const configure = (host: string) => {
        const hook = { type: 'webhook', allowPrivate: true };
        const mail = { type: 'email', from: 'a@example.com', to: ['b@example.com'], allowPrivate: true };
        const notifiers = {
          hook: { ...hook, url: `https://${host}:${own.http.port}` },
          mail: { ...mail, url: `smtps://${host}:${own.smtp.port}` },
          hookOfAnother: { ...hook, url: `https://${host}:${others.http.port}` },
          mailOfAnother: { ...mail, url: `smtps://${host}:${others.smtp.port}` },
        };
        const names = Object.entries(notifiers).map(([name, each]) => [name.toLowerCase(), each]);
        const databases = { shop: { engine: 'sqlite', path: 'shop.db' } };
        const storages = { main: { type: 'local', path: 'backups' } };
        const config = { storages, databases, notifiers: Object.fromEntries(names) };
        return writeFile(join(path, 'backupdata.yaml'), JSON.stringify(config));
      };
      await use({
        taken: () => ({ hook: own.http.received.length, mail: own.smtp.mails.length }),
        test: async (name, { host, trusted }) => {
          await configure(host);
          const ca = name.endsWith('Another') ? another.ca : good.ca;
          const env = { ...process.env, ...(trusted && { NODE_EXTRA_CA_CERTS: ca }) };
          const args = [main, 'notify', 'test', name.toLowerCase()];
          const child = spawn(process.execPath, args, {
            cwd: path,
            env,
            stdio: ['ignore', 'ignore', 'pipe'],
          });
          const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
          return { code: code as number | null, stderr };
        },
      });
    }),
  );
}

async function pem({ cert, key }: KeyPair): Promise<SinkTls> {
  return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
}
