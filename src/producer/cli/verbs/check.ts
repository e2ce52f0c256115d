import { randomBytes } from 'node:crypto';
import type { Finding } from '../../check/finding.ts';
import type { CliContext } from '../context.ts';
import { verb } from '../verb.ts';

export const checkVerb = verb<object>({
  command: 'check',
  describe: 'Examine configuration, Redis, workers, tools, storages and databases',
  exits: {
    0: 'everything is well, but perhaps for warnings',
    1: 'failed; this and the codes below are those of the first problem',
    3: 'a database does not exist on its server',
    4: 'a storage belongs to another installation',
    5: 'Redis, a worker, a storage or a database cannot be reached',
  },
  builder: (parser) => parser.example('$0 check', 'See what is wrong, and how to mend it'),
  run,
});

async function run(context: CliContext): Promise<number> {
  const { check } = await import('../../check/check.ts');
  const { findRedisUrl } = await import('../redis-url.ts');
  const findings = await check({
    ...context,
    redisUrl: () => findRedisUrl(context),
    randomText: () => randomBytes(6).toString('hex'),
  });
  const { findingsText } = await import('../output/findings-text.ts');
  const { widthOfTerminal } = await import('../output/width.ts');
  const checks = findings.map(({ name, status, detail, hint }) => ({ name, status, detail, hint }));
  context.print({ document: { checks }, text: findingsText(findings, widthOfTerminal(context.host.stdout)) });
  return exitOf(findings);
}

function exitOf(findings: readonly Finding[]): number {
  return findings.find(({ status }) => status === 'problem')?.exit ?? 0;
}
