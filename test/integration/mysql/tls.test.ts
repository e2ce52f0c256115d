import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { hasCode } from '../../../src/shared/errors.ts';
import { withEngineRun } from '../../support/engine-run.ts';
import { startMariadb, type TestMariadb } from '../../support/mariadb.ts';
import { mariadbSource } from '../../support/mariadb-backup.ts';
import { statements } from '../../support/mariadb-client.ts';
import { makeTestCa, type TestCa } from '../../support/tls.ts';

describe('an encrypted connection to MariaDB', () => {
  let folder: string;
  let server: TestMariadb;
  let plain: TestMariadb;
  let right: TestCa;
  let wrong: TestCa;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mariadb-tls-'));
    [right, wrong] = [await makeTestCa(join(folder, 'right')), await makeTestCa(join(folder, 'wrong'))];
    // The second address is in no certificate.
    const options = ['--bind-address=127.0.0.1,127.0.0.2'];
    [server, plain] = await Promise.all([startMariadb({ tls: right, options }), startMariadb()]);
    for (const each of [server, plain])
      await statements(each.adminUrl, 'CREATE DATABASE shop; CREATE TABLE shop.t (a INT);');
    await statements(
      server.adminUrl,
      "CREATE USER certified@'%' REQUIRE X509; GRANT ALL ON *.* TO certified@'%';",
    );
    await statements(server.adminUrl, 'SET GLOBAL require_secure_transport = ON;');
  });

  after(async () => {
    await Promise.all([server.stop(), plain.stop()]);
    await rm(folder, { recursive: true, force: true });
  });

  const urlWith = (at: TestMariadb, parameters: Record<string, string>, host = '127.0.0.1'): string => {
    const url = new URL(at.url('shop'));
    url.hostname = host;
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url.href;
  };
  const backUp = (url: string) => withEngineRun((run) => run.backUp(mariadbSource(url)));
  const refused = (url: string, message: RegExp) =>
    assert.rejects(backUp(url), { code: 'DATABASE_AUTH', message });

  it('is made where the server demands it and nothing was said', async () => {
    await backUp(urlWith(server, {}));
  });

  it('is refused where the server demands it and the URL forbids it', () =>
    refused(urlWith(server, { 'ssl-mode': 'DISABLED' }), /refused the log-in/));

  it('is not done without where it is required', async () => {
    await backUp(urlWith(server, { 'ssl-mode': 'REQUIRED' }));
    await refused(urlWith(plain, { 'ssl-mode': 'REQUIRED' }), /does not encrypt/);
  });

  for (const mode of ['VERIFY_CA', 'VERIFY_IDENTITY']) {
    it(`is trusted only with the right authority: ${mode}`, async () => {
      await backUp(urlWith(server, { 'ssl-mode': mode, 'ssl-ca': right.ca }));
      await refused(urlWith(server, { 'ssl-mode': mode, 'ssl-ca': wrong.ca }), /certificate/);
      await refused(urlWith(server, { 'ssl-mode': mode }), /certificate/);
      await refused(urlWith(plain, { 'ssl-mode': mode, 'ssl-ca': right.ca }), /SSL is required/);
    });
  }

  it('is trusted only with the name that the certificate bears', () =>
    refused(
      urlWith(server, { 'ssl-mode': 'VERIFY_IDENTITY', 'ssl-ca': right.ca }, '127.0.0.2'),
      /certificate|host/i,
    ));

  it('verifies when an authority is named and no mode is', () =>
    refused(urlWith(server, { 'ssl-ca': wrong.ca }), /certificate/));

  it('shows the certificate of a user that needs one', async () => {
    const url = (parameters: Record<string, string>): string => {
      const changed = new URL(urlWith(server, { 'ssl-ca': right.ca, ...parameters }));
      [changed.username, changed.password] = ['certified', ''];
      return changed.href;
    };
    await backUp(url({ 'ssl-cert': right.client.cert, 'ssl-key': right.client.key }));
    await refused(url({}), /refused the log-in/);
    // The server hangs up on it; whether its reason arrives before that is a matter of chance.
    await assert.rejects(
      backUp(url({ 'ssl-cert': wrong.client.cert, 'ssl-key': wrong.client.key })),
      (error) => hasCode(error, 'DATABASE_AUTH') || hasCode(error, 'DATABASE_UNREACHABLE'),
    );
  });
});
