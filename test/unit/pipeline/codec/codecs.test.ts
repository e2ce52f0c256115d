import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { open } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { codecFromManifest, createCodec } from '../../../../src/pipeline/codec/codecs.ts';
import { hasCode } from '../../../../src/shared/errors.ts';
import { runStage } from '../../../support/stage.ts';
import { machineTools } from '../../../support/tools.ts';

const tools = machineTools();
const reader = { backupId: 'shop-20260102T030405Z-abc234', identities: [], tools };
const content = Buffer.alloc(200_000, 'one row after another\n');

describe('codecFromManifest', () => {
  const configs = [{ type: 'zstd', level: 3 }, { type: 'gzip', level: 9 }, { type: 'none' }] as const;
  for (const config of configs) {
    it(`makes the ${config.type} codec again from what a manifest records of it`, async () => {
      const { name, params, ...written } = await createCodec({ config, tools });
      const again = await codecFromManifest({ ...JSON.parse(JSON.stringify({ name, params })), ...reader });
      assert.deepEqual([again.name, again.params], [name, params]);
      assert.deepEqual(again.encode(), written.encode());
      const { stdout } = await runStage(written.encode(), [content]);
      assert.ok(content.equals((await runStage(again.decode(), [stdout])).stdout));
    });
  }

  it('decodes whatever level is recorded, and puts none of it on a command line', async () => {
    const { stdout } = await runStage(
      (await createCodec({ config: { type: 'zstd', level: 1 }, tools })).encode(),
      [content],
    );
    for (const level of ['o /tmp/x', -5, 1.5, 22, Number.NaN]) {
      const codec = await codecFromManifest({ name: 'zstd', params: { level, window: 27 }, ...reader });
      assert.ok(
        codec.encode()?.args.every((argument) => /^(-[qcT\d]+|--check)$/.test(argument)),
        String(level),
      );
      assert.ok(content.equals((await runStage(codec.decode(), [stdout])).stdout));
    }
  });

  it('refuses a codec that this release does not know', async () => {
    for (const name of ['brotli', '', 'toString', 'ZSTD']) {
      await assert.rejects(codecFromManifest({ name, params: {}, ...reader }), (error) =>
        hasCode(error, 'FORMAT_UNSUPPORTED'),
      );
    }
  });
});

describe('createCodec', () => {
  it('names the missing program and how to install it', async () => {
    const cases = [
      { config: { type: 'zstd', level: 1 }, hidden: ['zstd'], program: 'zstd' },
      { config: { type: 'gzip', level: 1 }, hidden: ['pigz', 'gzip'], program: 'gzip' },
    ] as const;
    for (const { config, hidden, program } of cases) {
      await assert.rejects(createCodec({ config, tools: machineTools({ hidden }) }), (error) => {
        assert.ok(hasCode(error, 'TOOL_MISSING') && error.message.includes(program));
        assert.ok(
          error.hint?.includes(`apt-get install ${program}`) &&
            error.hint.includes(`brew install ${program}`),
        );
        return true;
      });
    }
  });

  it('runs programs by their absolute paths, and pigz before gzip', async () => {
    const zstd = await createCodec({ config: { type: 'zstd', level: 7 }, tools });
    assert.equal(zstd.encode()?.program, await tools.find('zstd'));
    assert.ok(zstd.encode()?.args.includes('-7'));
    const gzip = await createCodec({ config: { type: 'gzip', level: 7 }, tools });
    assert.equal(gzip.encode()?.program, await tools.find('pigz'));
    assert.equal(gzip.decode()?.program, await tools.find('pigz'));
  });

  it('writes neither the name nor the time of its input into a gzip header', async () => {
    await using input = await open(import.meta.filename);
    for (const hidden of [['pigz'], ['gzip']]) {
      const codec = await createCodec({
        config: { type: 'gzip', level: 6 },
        tools: machineTools({ hidden }),
      });
      const stage = codec.encode();
      assert.ok(stage);
      const { stdout } = spawnSync(stage.program, stage.args, { stdio: [input.fd, 'pipe', 'pipe'] });
      assert.equal(stdout.subarray(0, 8).toString('hex'), '1f8b080000000000', `without ${hidden}`);
    }
  });
});
