import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import type { Codec } from '../../../../src/pipeline/codec/codec.ts';
import { codecFromManifest, createCodec } from '../../../../src/pipeline/codec/codecs.ts';
import { StageFailure } from '../../../../src/pipeline/process/failure.ts';
import type { Stage } from '../../../../src/pipeline/process/stage.ts';
import { through } from '../../../../src/pipeline/process/through.ts';
import { hasCode } from '../../../../src/shared/errors.ts';
import type { Secret } from '../../../../src/shared/secret.ts';
import { makeAgeKey } from '../../../support/age.ts';
import { runStage } from '../../../support/stage.ts';
import { machineTools } from '../../../support/tools.ts';

const tools = machineTools();
const [alice, bob, stranger] = await Promise.all([makeAgeKey(), makeAgeKey(), makeAgeKey()]);
const content = Buffer.alloc(200_000, 'one row after another\n');
const backupId = 'shop-20260102T030405Z-abc234';

function encoder(...recipients: string[]) {
  return createCodec({ config: { type: 'age', recipients }, tools });
}

function decoder(recipients: string | number | undefined, ...identities: Secret[]) {
  const params: Codec['params'] = recipients === undefined ? {} : { recipients };
  return codecFromManifest({ name: 'age', params, backupId, identities, tools });
}

function stock(identity: Secret): Stage {
  return {
    program: 'age',
    args: ['-d', '-i', '/dev/fd/3'],
    env: tools.environment,
    files: [identity],
  };
}

describe('the age codec of an attempt', () => {
  it('is opened by each recipient alone, and by nobody else', async () => {
    const encoded = await encode(await encoder(alice.recipient, bob.recipient));
    for (const { identity } of [alice, bob]) {
      const { code, stdout } = await runStage(stock(identity), [encoded]);
      assert.deepEqual([code, content.equals(stdout)], [0, true]);
    }
    const refused = await runStage(stock(stranger.identity), [encoded]);
    assert.deepEqual([refused.code, refused.stdout.length], [1, 0]);
  });

  it('reads back what it wrote without any configured identity, and only its own', async () => {
    const [one, other] = [await encoder(alice.recipient), await encoder(alice.recipient)];
    for (const encoded of [await encode(one), await encodeHere(one)]) {
      assert.ok(content.equals(await decodeHere(one, encoded)));
      assert.ok(content.equals((await runStage(one.decode(), [encoded])).stdout));
      await assert.rejects(decodeHere(other, encoded), (error) => hasCode(error, 'IDENTITY_MISSING'));
    }
  });

  it('tells the manifest of the configured recipients only, and the command line of no secret', async () => {
    const codec = await encoder(alice.recipient, bob.recipient);
    assert.deepEqual(codec.params, { recipients: `${alice.recipient} ${bob.recipient}` });
    const stages = [codec.encode(), codec.decode()];
    for (const stage of stages) assert.doesNotMatch(stage?.args.join(' ') ?? '', /AGE-SECRET/);
    assert.match(stages[0]?.args.join(' ') ?? '', new RegExp(alice.recipient));
    assert.equal(stages[0]?.files, undefined);
    assert.doesNotMatch(JSON.stringify([codec, stages]), /AGE-SECRET/);
  });

  it('names the missing program', async () => {
    const config = { type: 'age' as const, recipients: [alice.recipient] };
    await assert.rejects(createCodec({ config, tools: machineTools({ hidden: ['age'] }) }), (error) => {
      assert.ok(hasCode(error, 'TOOL_MISSING'));
      assert.match(`${error.message} ${error.hint}`, /program age .*apt-get install age/);
      return true;
    });
  });
});

describe('the age codec of a manifest', () => {
  it('tries each identity', async () => {
    const encoded = await encode(await encoder(alice.recipient, bob.recipient));
    const recipients = `${alice.recipient} ${bob.recipient}`;
    for (const identities of [
      [alice.identity],
      [bob.identity],
      [stranger.identity, bob.identity],
      [bob.identity, stranger.identity],
    ]) {
      const codec = await decoder(recipients, ...identities);
      assert.ok(content.equals((await runStage(codec.decode(), [encoded])).stdout));
      assert.ok(content.equals(await decodeHere(codec, encoded)));
    }
  });

  it('is refused before anything is read where no identity is for one of its recipients, naming these', async () => {
    const recipients = `${alice.recipient} ${bob.recipient}`;
    const cases: [Secret[], RegExp][] = [
      [[], /; this configuration has no identities$/],
      [[stranger.identity], /has one identity, which is not for these$/],
      [[stranger.identity, (await makeAgeKey()).identity], /has 2 identities, none of them for these$/],
    ];
    for (const [identities, words] of cases) {
      await assert.rejects(decoder(recipients, ...identities), (error) => {
        assert.ok(hasCode(error, 'IDENTITY_MISSING'));
        assert.ok(
          error.message.startsWith(
            `backup ${backupId} is encrypted to ${alice.recipient}, ${bob.recipient}; this configuration has `,
          ),
          error.message,
        );
        assert.match(error.message, words);
        assert.match(error.hint ?? '', /`identities` in the configuration/);
        return true;
      });
    }
  });

  it('leaves the decision to age where the manifest names nobody that can be compared', async () => {
    const encoded = await encode(await encoder(alice.recipient));
    for (const recipients of [undefined, '', 7, 'ssh-ed25519 AAAA', `${alice.recipient} age1pq1xyz`]) {
      const codec = await decoder(recipients, alice.identity);
      assert.ok(content.equals((await runStage(codec.decode(), [encoded])).stdout), String(recipients));
      await assert.rejects(decoder(recipients), (error) => hasCode(error, 'IDENTITY_MISSING'));
    }
  });

  it("puts nothing of a manifest that is not a recipient on a command line or into a person's commands", async () => {
    for (const recipients of ['--output=/tmp/x', `${alice.recipient} -o`, `${alice.recipient}\n-o x`]) {
      const codec = await decoder(recipients, alice.identity);
      const args = [...(codec.encode()?.args ?? []), ...(codec.decode()?.args ?? [])];
      assert.deepEqual(args, ['--encrypt', '--decrypt', '--identity=/dev/fd/3']);
    }
  });

  it('tells a key that does not fit from damage, in the words of the program and of the library', async () => {
    const encoded = await encode(await encoder(alice.recipient));
    const codec = await decoder(undefined, stranger.identity);
    const refused = codec.explain(await failureOf(codec.decode(), encoded));
    assert.ok(hasCode(refused, 'IDENTITY_MISSING'));
    assert.match(refused.message, /encrypted with age, its manifest does not tell to whom; .*one identity/);
    await assert.rejects(decodeHere(codec, encoded), (error) => hasCode(error, 'IDENTITY_MISSING'));

    const fitting = await decoder(undefined, alice.identity);
    for (const damaged of [encoded.subarray(0, -1), Buffer.from('hello'), Buffer.alloc(0)]) {
      assert.equal(fitting.explain(await failureOf(fitting.decode(), damaged)), undefined);
      await assert.rejects(decodeHere(fitting, damaged), (error) => !hasCode(error, 'IDENTITY_MISSING'));
    }
  });

  it('knows the words of newer releases of age, and is not misled by those of another program', async () => {
    const codec = await decoder(undefined, stranger.identity);
    const failure = (stderr: string) =>
      new StageFailure([{ program: '/usr/bin/age', code: 1, signal: null, stderr, stopped: false }]);
    const newer =
      'age: error: identity did not match any of the recipients: incorrect identity for recipient block\n';
    assert.ok(codec.explain(failure(newer)));
    assert.equal(codec.explain(failure('psql: error: no identity matched any of the recipients')), undefined);
  });
});

async function encode(codec: Codec): Promise<Buffer> {
  const { code, stdout, stderr } = await runStage(codec.encode(), [content]);
  assert.equal(code, 0, stderr);
  return stdout;
}

function encodeHere({ inProcess }: Codec): Promise<Buffer> {
  return buffer(through(Readable.from([content]), inProcess ? [inProcess.encode()] : []));
}

function decodeHere({ inProcess }: Codec, encoded: Buffer): Promise<Buffer> {
  return buffer(through(Readable.from([encoded]), inProcess ? [inProcess.decode()] : []));
}

async function failureOf(stage: Stage | null, input: Buffer): Promise<StageFailure> {
  const { code, stderr } = await runStage(stage, [input]);
  assert.notEqual(code, 0);
  return new StageFailure([{ program: stage?.program ?? '', code, signal: null, stderr, stopped: false }]);
}
