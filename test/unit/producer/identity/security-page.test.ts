import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { verbs } from '../../../../src/producer/cli/verbs/verbs.ts';
import { contract, followRole, type OperationName } from '../../../../src/producer/operations/contract.ts';
import { type Role, roles } from '../../../../src/shared/config/access-schema.ts';
import { loadText, withDatabase } from '../../shared/config/load-text.ts';

/** What each command asks for. */
const operations: Record<string, OperationName> = {
  list: 'listBackups',
  show: 'showBackup',
  prune: 'previewPrune',
  'schedule list': 'listSchedules',
  'jobs list': 'listJobs',
  'jobs show': 'showJob',
  backup: 'backup',
  verify: 'verify',
  copy: 'copy',
  pin: 'pinBackup',
  'schedule run': 'runSchedule',
  'jobs cancel': 'cancelJob',
  restore: 'restore',
  'prune --confirm': 'prune',
  unpin: 'unpinBackup',
  'schedule pause': 'pauseSchedule',
  'schedule resume': 'resumeSchedule',
  'jobs retry': 'retryJob',
};

const page = await readFile(join(import.meta.dirname, '../../../../docs/security.md'), 'utf8');

/** The commands that a row of the table gives a role; what only explains one is no command. */
function commandsOf(role: Role): string[] {
  const row = page.split('\n').find((line) => line.startsWith(`| \`${role}\` |`)) ?? '';
  const [, , cell = ''] = row.split('|');
  return [...cell.matchAll(/`([a-z -]+)`( without `--confirm`)?/g)]
    .map((match) => match[1] ?? '')
    .filter((command) => command !== '--confirm');
}

describe('docs/security.md', () => {
  for (const role of roles) {
    it(`says what takes the role ${role}, and nothing else`, () => {
      const commands = commandsOf(role);
      assert.deepEqual(
        commands.map((command) => [command, contract[operations[command] ?? 'listJobs'].role]),
        commands.map((command) => [command, role]),
      );
      assert.deepEqual(
        commands.filter((command) => !(command in operations)),
        [],
      );
    });
  }

  it('leaves out no command that works through a producer', () => {
    const remote = verbs.flatMap((each) => {
      const [word = ''] = each.command.split(' ');
      if (!('verbs' in each)) return each.remote ? [word] : [];
      return each.verbs.filter((verb) => verb.remote).map((verb) => `${word} ${verb.command.split(' ')[0]}`);
    });
    const told = roles.flatMap(commandsOf);
    assert.deepEqual(
      remote.filter((command) => !told.includes(command)),
      [],
    );
    assert.equal(followRole, 'viewer');
  });

  it('shows a configuration that loads', async () => {
    const [, yaml = ''] = /^```yaml\n([\s\S]*?)\n```$/m.exec(page) ?? [];
    const { publicUrl, api } = await loadText(`${withDatabase()}${yaml}\n`);
    assert.deepEqual([publicUrl, api.trustedProxies], ['https://backups.example.com', 1]);
  });
});
