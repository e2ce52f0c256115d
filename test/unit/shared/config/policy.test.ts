import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadText, problemsOf, withDatabase } from './load-text.ts';

const recipient = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p';
const identity = 'AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX';

describe('encryption in a configuration', () => {
  it('takes recipients, and refuses one that is misspelt', async () => {
    const with_ = (key: string) => withDatabase(`    encryption: { type: age, recipients: [${key}] }\n`);
    const config = await loadText(with_(recipient));
    assert.deepEqual(config.databases.get('shop')?.encryption, { type: 'age', recipients: [recipient] });
    const misspelt = recipient.replace('p3h', 'p4h').replace('ql3z', 'ql4z');
    for (const key of [misspelt, recipient.toUpperCase(), 'ssh-ed25519 AAAA', identity]) {
      const [problem, ...others] = await problemsOf(loadText(with_(`"${key}"`)));
      assert.match(problem ?? '', /recipients\.0: not an age recipient; write the public key/);
      assert.deepEqual(others, []);
    }
  });

  it('takes the file of a key generator, and keeps each key secret', async () => {
    const files = { '/run/secrets/age.key': `# created: today\n# public key: ${recipient}\n${identity}\n` };
    const config = await loadText(`${withDatabase()}identities: ["\${file:/run/secrets/age.key}"]\n`, {
      files,
    });
    assert.deepEqual(
      config.identities.map((secret) => secret.reveal()),
      [identity],
    );
    assert.ok(config.secrets.includes(identity));
  });

  it('refuses what is no identity, without a word of it', async () => {
    for (const wrong of [recipient, `${identity.slice(0, -1)}2`, '# only a comment']) {
      const problems = await problemsOf(loadText(`${withDatabase()}identities: ["${wrong}"]\n`));
      assert.match(problems[0] ?? '', /identities\.0: not an age identity/);
      assert.ok(!problems.join().includes(wrong));
    }
  });
});

describe('copies in a configuration', () => {
  const three =
    'storages: { main: { type: local, path: a }, off: { type: local, path: b }, far: { type: local, path: c } }\n';
  const shop = (more: string) =>
    `${three}databases: { shop: { engine: postgres, url: "postgres://h/d", storage: main, retention: { last: 7 }, ${more} } }\n`;

  it('keep their backups as long as the database does, where they say nothing else', async () => {
    const config = await loadText(shop('copies: [off, { storage: far, retention: { yearly: 5 } }]'));
    const copies = config.databases.get('shop')?.copies ?? [];
    assert.deepEqual(
      copies.map(({ storage, retention }) => [storage, retention?.last, retention?.yearly]),
      [
        ['off', 7, 0],
        ['far', 0, 5],
      ],
    );
  });

  it('are refused in a storage that does not exist, in that of the backup, and twice in one', async () => {
    assert.match(
      (await problemsOf(loadText(shop('copies: [gone]'))))[0] ?? '',
      /there is no storage of that name/,
    );
    for (const copies of ['[main]', '[off, off]'])
      assert.match(
        (await problemsOf(loadText(shop(`copies: ${copies}`))))[0] ?? '',
        /goes to another storage/,
      );
  });
});

describe('retention and verification in a configuration', () => {
  it('refuse a policy that keeps nothing, an unknown zone and an unknown target', async () => {
    const wrong = [
      ['retention: {}', /keeps nothing/],
      ['retention: { last: 0 }', /keeps nothing/],
      ['retention: { within: 0d }', /not an age/],
      ['timezone: Europe/Berlim', /not a time zone/],
      ['verify: { level: restore, target: crm }', /there is no database of that name; write shop/],
    ] as const;
    for (const [line, words] of wrong)
      assert.match((await problemsOf(loadText(withDatabase(`    ${line}\n`))))[0] ?? '', words);
  });

  it('take an age that no timer could wait for', async () => {
    const config = await loadText(withDatabase('    retention: { within: 365d }\n'));
    assert.equal(config.databases.get('shop')?.retention?.within, 365 * 86_400_000);
  });
});

describe('a storage in a configuration', () => {
  const withStorage = (storage: string) =>
    `storages: { main: ${storage} }\ndatabases: { shop: { engine: postgres, url: "postgres://h/d" } }\n`;

  it('gets the defaults of its type', async () => {
    const { storages } = await loadText(withStorage('{ type: s3, bucket: backups }'));
    assert.deepEqual(storages.get('main'), {
      type: 's3',
      bucket: 'backups',
      region: 'us-east-1',
      forcePathStyle: false,
      checksum: 'WHEN_SUPPORTED',
      fence: 'conditional',
    });
  });

  it('is refused with half of its credentials, a wrong endpoint or a prefix that leads elsewhere', async () => {
    const wrong = [
      ['{ type: s3, bucket: b, accessKeyId: x }', /needs both accessKeyId and secretAccessKey, or neither/],
      ['{ type: s3, bucket: b, endpoint: "ftp://x" }', /not an endpoint/],
      ['{ type: s3, bucket: b, prefix: ../x }', /not a prefix/],
      ['{ type: s3, bucket: b, prefix: a/ }', /not a prefix/],
      ['{ type: gcs, bucket: b }', /is missing/],
      ['{ type: azure, container: c }', /needs connectionString, or account/],
      ['{ type: azure, container: c, account: a }', /needs connectionString, or account/],
    ] as const;
    for (const [storage, words] of wrong)
      assert.match((await problemsOf(loadText(withStorage(storage)))).join('\n'), words, storage);
  });

  it('is refused where another has the same place', async () => {
    const azure = (name: string) => `DefaultEndpointsProtocol=https;AccountName=${name};AccountKey=a2V5`;
    const keys = 'accessKeyId: k, secretAccessKey: s3cret';
    const two = (main: string, off: string) =>
      `storages: { main: { ${main} }, off: { ${off} } }\ndatabases: { shop: { engine: postgres, url: "postgres://h/d", storage: main, copies: [off] } }\n`;
    const same = [
      ['type: local, path: a', 'type: local, path: ./b/../a/'],
      ['type: local, path: a', 'type: local, path: /etc/backup/a, shared: true'],
      ['type: s3, bucket: b', `type: s3, bucket: b, region: eu-west-1, ${keys}`],
      [
        'type: s3, bucket: b, prefix: p, endpoint: "https://S3.example"',
        'type: s3, bucket: b, prefix: p, endpoint: "https://s3.example:443/"',
      ],
      [`type: gcs, bucket: b, ${keys}`, 'type: s3, bucket: b, endpoint: "https://storage.googleapis.com"'],
      [
        `type: azure, container: c, connectionString: "${azure('one')}"`,
        'type: azure, container: c, account: one, accountKey: a2V5',
      ],
    ] as const;
    for (const [main, off] of same)
      assert.match(
        (await problemsOf(loadText(two(main, off)))).join('\n'),
        /storages\.off: is the same place as the storage main; a place has one name/,
        off,
      );
    const apart = [
      ['type: local, path: a', 'type: local, path: a/b'],
      ['type: s3, bucket: b, prefix: p', 'type: s3, bucket: b, prefix: q'],
      ['type: s3, bucket: b', 'type: s3, bucket: b, endpoint: "https://s3.example"'],
      [
        `type: azure, container: c, connectionString: "${azure('one')}"`,
        `type: azure, container: c, connectionString: "${azure('two')}"`,
      ],
    ] as const;
    for (const [main, off] of apart) assert.equal((await loadText(two(main, off))).storages.size, 2);
  });

  it('keeps its keys secret', async () => {
    const { secrets } = await loadText(
      withStorage('{ type: s3, bucket: b, accessKeyId: key-canary, secretAccessKey: secret-canary }'),
    );
    assert.ok(secrets.includes('secret-canary'));
  });
});

describe('volumeSize in a configuration', () => {
  const storages =
    'storages: { main: { type: local, path: a }, off: { type: s3, bucket: b }, far: { type: gcs, bucket: c, accessKeyId: k, secretAccessKey: s3cret } }\n';
  const shop = (more: string) =>
    `${storages}databases: { shop: { engine: postgres, url: "postgres://h/d", ${more} } }\n`;

  it('is refused where a storage could not hold such a volume, be it that of a copy', async () => {
    for (const more of ['storage: off', 'storage: far', 'storage: main, copies: [{ storage: off }]']) {
      const problems = await problemsOf(loadText(shop(`volumeSize: 79GiB, ${more}`)));
      assert.equal(problems.length, 1);
      assert.match(
        problems[0] ?? '',
        /databases\.shop\.volumeSize: must be at most 78GiB for the storage (off|far)/,
      );
    }
    const inherited = `${shop('storage: off')}defaults: { volumeSize: 1TiB }\n`;
    assert.match(
      (await problemsOf(loadText(inherited)))[0] ?? '',
      /defaults\.volumeSize: must be at most 78GiB/,
    );
  });

  it('may be as large as one likes on a disk, and up to 78GiB anywhere', async () => {
    assert.equal(
      (await loadText(shop('volumeSize: 1TiB, storage: main'))).databases.get('shop')?.volumeSize,
      2 ** 40,
    );
    await loadText(shop('volumeSize: 78GiB, storage: off, copies: [far]'));
  });
});
