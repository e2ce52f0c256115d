import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  formatBytes,
  formatDuration,
  formatExactDuration,
  parseBytes,
  parseDuration,
} from '../../../../src/shared/config/units.ts';

describe('durations', () => {
  const taken: [string | number, number][] = [
    ['500ms', 500],
    ['10s', 10_000],
    ['5m', 300_000],
    ['26h', 93_600_000],
    ['14d', 1_209_600_000],
    ['1.5h', 5_400_000],
    ['10 s', 10_000],
    ['250', 250],
    [250, 250],
    [0, 0],
    ['0s', 0],
  ];
  for (const [text, milliseconds] of taken) {
    it(`reads ${JSON.stringify(text)} as ${milliseconds} ms`, () => {
      assert.equal(parseDuration(text), milliseconds);
    });
  }

  const refused = [
    '',
    ' ',
    's',
    '-1s',
    '1w',
    '1S',
    '1e3s',
    '0x10',
    '1h30m',
    '10s ',
    '１s',
    '1,5h',
    'constructor',
  ];
  for (const text of refused) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.equal(parseDuration(text), undefined);
    });
  }
  for (const number of [-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60]) {
    it(`refuses the number ${number}`, () => {
      assert.equal(parseDuration(number), undefined);
    });
  }

  const printed: [number, string][] = [
    [0, '0.0s'],
    [812, '0.8s'],
    [59_949, '59.9s'],
    [59_950, '1m00s'],
    [252_000, '4m12s'],
    [3_599_499, '59m59s'],
    [3_599_500, '1h00m'],
    [3_780_000, '1h03m'],
    [93_600_000, '26h00m'],
  ];
  for (const [milliseconds, text] of printed) {
    it(`prints ${milliseconds} ms as ${text}`, () => {
      assert.equal(formatDuration(milliseconds), text);
    });
  }
});

describe('durations as they are written', () => {
  for (const text of ['30d', '1d', '26h', '90m', '45s', '1500ms']) {
    it(`prints what it reads as ${text}`, () => {
      assert.equal(formatExactDuration(parseDuration(text) ?? 0), text);
    });
  }

  it('prints the largest unit that leaves no rest', () =>
    assert.equal(formatExactDuration(172_800_000), '2d'));
});

describe('sizes', () => {
  const taken: [string | number, number][] = [
    ['64GiB', 68_719_476_736],
    ['8MiB', 8_388_608],
    ['500MB', 500_000_000],
    ['1kB', 1_000],
    ['1KB', 1_000],
    ['1.5 GiB', 1_610_612_736],
    ['12B', 12],
    ['4096', 4096],
    [4096, 4096],
  ];
  for (const [text, bytes] of taken) {
    it(`reads ${JSON.stringify(text)} as ${bytes} bytes`, () => {
      assert.equal(parseBytes(text), bytes);
    });
  }

  for (const text of [
    '',
    '1K',
    '1M',
    '1mb',
    '1gib',
    '-1B',
    'GiB',
    '9999999TiB',
    '1 GiB/s',
    '__proto__',
    2 ** 53,
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.equal(parseBytes(text), undefined);
    });
  }

  const printed: [number, string][] = [
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1_048_575, '1 MiB'],
    [1_610_612_736, '1.5 GiB'],
    [68_719_476_736, '64 GiB'],
    [2 ** 61, '2048 PiB'],
  ];
  for (const [bytes, text] of printed) {
    it(`prints ${bytes} bytes as ${text}`, () => {
      assert.equal(formatBytes(bytes), text);
    });
  }
});
