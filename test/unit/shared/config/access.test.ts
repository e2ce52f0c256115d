import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { changesBetween, keepFixed } from '../../../../src/shared/config/changes.ts';
import { loadText, problemsOf, withDatabase } from './load-text.ts';

const hash = 'a'.repeat(64);
const load = (more: string) => loadText(`${withDatabase()}${more}`);

describe('who may come in', () => {
  it('is read whole, with files relative to the configuration', async () => {
    const config =
      await load(`auth: { tokens: [{ name: ci, role: operator, sha256: ${hash}, databases: ["shop*"] }] }
audit: { file: logs/audit.jsonl }
api: { cors: ["https://console.example.com"], trustedProxies: 1 }
grpc: { tls: { certificate: tls.crt, key: /run/tls.key, clientAuthority: ca.crt } }
`);
    assert.deepEqual(config.auth.tokens, [
      { name: 'ci', role: 'operator', sha256: hash, databases: ['shop*'] },
    ]);
    assert.deepEqual(config.audit, { file: '/etc/backup/logs/audit.jsonl' });
    assert.deepEqual(config.api, { cors: ['https://console.example.com'], trustedProxies: 1 });
    assert.deepEqual(config.grpc.tls, {
      certificate: '/etc/backup/tls.crt',
      key: '/run/tls.key',
      clientAuthority: '/etc/backup/ca.crt',
    });
  });

  it('is nobody where nothing is said', async () => {
    const { auth, audit, api, grpc } = await load('');
    assert.deepEqual(
      { auth, audit, api, grpc },
      {
        auth: { tokens: [] },
        audit: { file: null },
        api: { cors: [], trustedProxies: 0 },
        grpc: { tls: null },
      },
    );
  });

  for (const [what, more, problem] of [
    [
      'a token itself',
      'auth: { tokens: [{ name: ci, role: viewer, sha256: bkd_c4n4ry }] }',
      /tokens\.0\.sha256: not the SHA-256 of a token/,
    ],
    ['no role', `auth: { tokens: [{ name: ci, sha256: ${hash} }] }`, /tokens\.0\.role/],
    [
      'another role',
      `auth: { tokens: [{ name: ci, role: root, sha256: ${hash} }] }`,
      /viewer.*operator.*admin/,
    ],
    [
      'a name twice',
      `auth: { tokens: [{ name: ci, role: viewer, sha256: ${hash} }, { name: ci, role: admin, sha256: ${'b'.repeat(64)} }] }`,
      /tokens\.1\.name: another token has this name/,
    ],
    [
      'a hash twice',
      `auth: { tokens: [{ name: a, role: viewer, sha256: ${hash} }, { name: b, role: admin, sha256: ${hash} }] }`,
      /tokens\.1\.sha256: another token has this hash/,
    ],
    [
      'no database at all',
      `auth: { tokens: [{ name: ci, role: viewer, sha256: ${hash}, databases: [] }] }`,
      /tokens\.0\.databases/,
    ],
    [
      'a pattern that is none',
      `auth: { tokens: [{ name: ci, role: viewer, sha256: ${hash}, databases: ["Shop/"] }] }`,
      /not a pattern of names/,
    ],
    ['a path for an origin', 'api: { cors: ["https://x.example/path"] }', /cors\.0: not an origin/],
    ['any origin', 'api: { cors: ["*"] }', /cors\.0: not an origin/],
    ['a certificate without its key', 'grpc: { tls: { certificate: a } }', /tls\.key/],
  ] as const) {
    it(`is not ${what}`, async () => {
      const problems = await problemsOf(load(`${more}\n`));
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems[0] ?? '', problem);
      assert.doesNotMatch(problems.join(), /c4n4ry/);
    });
  }

  it('changes while a process runs, but for the certificates of gRPC', async () => {
    const first = await load('grpc: { tls: { certificate: a, key: b } }\n');
    const next = await load(`auth: { tokens: [{ name: ci, role: viewer, sha256: ${hash} }] }\n`);
    const { config, kept } = keepFixed(first, next);
    assert.deepEqual(kept, ['grpc']);
    assert.deepEqual(config.grpc, first.grpc);
    assert.deepEqual(changesBetween(first, config)?.also, ['auth']);
  });
});
