import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { assertSilent, everythingInRedis, type Said, withOwnRedis } from '../support/eavesdrop.ts';
import { type HttpSink, startHttpSink } from '../support/http-sink.ts';
import { type Installation, quickQueue } from '../support/installation.ts';
import { metricsOf } from '../support/metrics.ts';
import { makeTools } from '../support/misbehaving-tools.ts';
import { freePort } from '../support/ports.ts';
import { query } from '../support/postgres.ts';
import { type SmtpSink, startSmtpSink } from '../support/smtp-sink.ts';
import { until } from '../support/until.ts';

/** Secrets that appear nowhere else, with characters that a URL writes otherwise. */
const canaries = {
  database: 'Canary-db/1: x@%é',
  hook: 'Canary-hook-2',
  key: 'Canary-key/3: x@%é',
  slack: 'Canary-slack-4',
  mail: 'Canary-mail/5: x@%é',
  basic: 'Canary-basic/6: x@%é',
  check: 'Canary-check-7',
};
const everyKind = ['success', 'failure', 'recovery', 'stale', 'verification-failed', 'prune', 'missed'];

describe('a secret of a notifier, or of what failed', () => {
  it('is in nothing that is told, printed, logged, queued or measured, whether telling it succeeds or fails', () =>
    withOwnRedis(async (installation) => {
      const [http, smtp] = [await startHttpSink(), await startSmtpSink()];
      try {
        await tellOfFailure(installation, { http, smtp });
      } finally {
        await Promise.all([http.close(), smtp.close()]);
      }
    }));
});

interface Sinks {
  http: HttpSink;
  smtp: SmtpSink;
}

async function tellOfFailure(installation: Installation, sinks: Sinks): Promise<void> {
  const { start, run, env } = installation;
  await configure(installation, sinks);
  const debug = { env: { LOG_LEVEL: 'debug' } };
  const [producer, worker] = [await start(['serve'], debug), await start(['worker'], debug)];
  const said: Said[] = [];
  const command = async (...words: string[]): Promise<void> => {
    const { stdout, stderr } = await run(...words);
    said.push([words.join(' '), stdout + stderr]);
  };
  await command('backup', 'shop');
  for (const [notifier, outcome] of outcomes) {
    const series = `backup_notifications_total{notifier="${notifier}",event="failure",outcome="${outcome}"}`;
    await until(`${notifier}: ${outcome}`, async () => ((await metricsOf(producer)).get(series) ?? 0) > 0);
    await command('notify', 'test', notifier);
    await command('notify', 'test', notifier, '--json');
  }
  await command('jobs', 'list', '--json');
  await command('config', 'validate', '--json');
  const told = sinks.http.received.find(({ body }) => body.includes('"kind":"failure"'));
  assert.match(told?.body ?? '', /the password is \[redacted\]/);
  assertSilent(
    [
      ...said,
      ['what the producer logged', producer.log()],
      ['what the worker logged', worker.log()],
      ['the metrics', [...(await metricsOf(producer)).keys()].join('\n')],
      ['what was sent', JSON.stringify(sinks.http.received.map(({ body }) => body))],
      ['what was mailed', sinks.smtp.mails.flatMap(({ lines }) => lines).join('\n')],
      ...(await everythingInRedis(env.REDIS_URL ?? '')),
    ],
    Object.values(canaries),
  );
}

/** What becomes of the news of a failure. */
const outcomes = [
  ['hook', 'sent'],
  ['checks', 'sent'],
  ['mail', 'sent'],
  ['slack', 'failed'],
  ['refused', 'failed'],
  ['away', 'retried'],
] as const;

/** A database whose dump tells its password and fails, and notifiers of every type, of which some fail too. */
async function configure({ postgres, path, configure }: Installation, { http, smtp }: Sinks): Promise<void> {
  const [database, role] = [await postgres.createDatabase(), postgres.uniqueName()];
  await query(postgres.adminUrl, `CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD '${canaries.database}'`);
  const tools = await makeTools(join(path, 'tools'), {
    pg_dump: 'echo "pg_dump: error: the password is $PGPASSWORD" >&2; exit 1',
  });
  http.answer((response) => response.writeHead(response.req.url?.includes(canaries.slack) ? 404 : 200).end());
  const pair = (password: string) => `ops:${encodeURIComponent(password)}`;
  const common = { allowPrivate: true, on: everyKind };
  const mail = { type: 'email', from: 'a@example.com', to: ['b@example.com'], ...common };
  await configure({
    databases: {
      shop: { engine: 'postgres', url: postgres.url(database, role, canaries.database) },
    },
    notifiers: {
      hook: { type: 'webhook', url: `${http.url}/${canaries.hook}`, secret: canaries.key, ...common },
      checks: { type: 'healthcheck', url: `${http.url}/${canaries.check}`, allowPrivate: true },
      mail: { ...mail, url: `smtp://${pair(canaries.mail)}@127.0.0.1:${smtp.port}` },
      slack: { type: 'slack', webhook: `${http.url}/${canaries.slack}`, ...common },
      refused: { ...mail, url: `smtps://${pair(canaries.mail)}@127.0.0.1:${smtp.port}` },
      away: {
        type: 'webhook',
        url: `http://${pair(canaries.basic)}@127.0.0.1:${await freePort()}/`,
        ...common,
      },
    },
    queue: { ...quickQueue, attempts: 1 },
    tools: { path: [tools] },
  });
}
