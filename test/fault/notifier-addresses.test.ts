import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type LookupFunction, type Server } from 'node:net';
import { describe, it } from 'node:test';
import { notifierFor } from '../../src/producer/notifiers/notifiers.ts';
import type { NotifierConfig } from '../../src/shared/config/notifier-schema.ts';
import { withReleases } from '../../src/shared/lifecycle.ts';
import { Secret } from '../../src/shared/secret.ts';
import { startHttpSink } from '../support/http-sink.ts';
import { sampleEvent } from '../support/run-event.ts';

const types = ['slack', 'webhook', 'healthcheck', 'email'] as const;

/** Every way that somebody may write this machine, its network, or what a cloud tells its machines. */
const hosts = [
  '127.0.0.1',
  '127.1',
  '2130706433',
  '0x7f000001',
  '0177.0.0.1',
  '0.0.0.0',
  '0',
  'localhost',
  'LocalHost',
  '[::1]',
  '[::]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[64:ff9b::7f00:1]',
  '169.254.169.254',
  '[fd00:ec2::254]',
  '10.0.0.1',
];

describe('an address of this machine or of a private network', () => {
  for (const type of types)
    for (const host of hosts)
      it(`gets nothing of a notifier of type ${type}: ${host}`, () =>
        withCanary(async ({ port, touched }) => {
          await assert.rejects(tell({ type, host, port }), refusal);
          assert.equal(touched(), 0);
        }));

  for (const type of types)
    it(`gets nothing of a notifier of type ${type} whose name leads to it, alone or among others`, () =>
      withCanary(async ({ port, touched }) => {
        const answers = [
          ['127.0.0.1'],
          ['::1'],
          [elsewhere, '127.0.0.1'],
          ['127.0.0.1', elsewhere],
          ['::ffff:127.0.0.1'],
        ];
        for (const answer of answers) {
          const { lookup } = lookupOf([answer]);
          await assert.rejects(tell({ type, host: 'hooks.example.com', port, lookup }), refusal);
        }
        assert.equal(touched(), 0);
      }));

  for (const type of types)
    it(`gets nothing of a notifier of type ${type} whose name changes its mind`, () =>
      withCanary(async ({ port, touched }) => {
        const { lookup, asked } = lookupOf([[elsewhere], ['127.0.0.1']]);
        await assert.rejects(tell({ type, host: 'hooks.example.com', port, lookup }), {
          code: 'NOTIFICATION_FAILED',
        });
        assert.equal(asked(), 1, 'the address that was checked is the one that is connected to');
        await assert.rejects(tell({ type, host: 'hooks.example.com', port, lookup }), refusal);
        assert.deepEqual([asked(), touched()], [2, 0]);
      }));

  for (const status of [301, 302, 303, 307, 308])
    it(`gets nothing by a redirect of ${status}, even where it may be told`, () =>
      withCanary(async ({ port, touched }) => {
        const sink = await startHttpSink();
        try {
          sink.answer((response) =>
            response.writeHead(status, { location: `http://127.0.0.1:${port}/latest/meta-data` }).end(),
          );
          for (const type of ['slack', 'webhook', 'healthcheck'] as const) {
            const telling = tell({ type, host: '127.0.0.1', port: sink.port, allowPrivate: true });
            await assert.rejects(telling, {
              code: 'NOTIFICATION_REFUSED',
              message: /redirect \(\d{3}\), which is not/,
            });
          }
          assert.equal(sink.received.length, 3);
          assert.equal(touched(), 0);
        } finally {
          await sink.close();
        }
      }));
});

const refusal = {
  code: 'NOTIFICATION_REFUSED',
  message: /its address is of this machine or of a private network$/,
};

/** Of a service that swallows what it is sent, in every part of the internet (AS112). */
const elsewhere = '192.31.196.1';

async function tell(options: {
  type: (typeof types)[number];
  host: string;
  port: number;
  lookup?: LookupFunction;
  allowPrivate?: boolean;
}): Promise<void> {
  const { type, host, port, lookup, allowPrivate = false } = options;
  const at = (scheme: string): Secret => new Secret(`${scheme}://${host}:${port}/path`);
  const common = { allowPrivate, on: ['failure' as const] };
  const configs: Record<(typeof types)[number], NotifierConfig> = {
    slack: { type: 'slack', webhook: at('http'), ...common },
    webhook: { type: 'webhook', url: at('http'), ...common },
    healthcheck: { type: 'healthcheck', url: at('http'), allowPrivate },
    email: { type: 'email', url: at('smtp'), from: 'a@example.com', to: ['b@example.com'], ...common },
  };
  const limits = { connect: 300, whole: 600 };
  const made = { name: 'ops', config: configs[type], clock: () => new Date(), limits };
  const notifier = await notifierFor(lookup ? { ...made, lookup } : made);
  await notifier.notify(sampleEvent(), new AbortController().signal);
}

/** A lookup that gives one answer after the other. */
function lookupOf(answers: readonly (readonly string[])[]): { lookup: LookupFunction; asked(): number } {
  let asked = 0;
  return {
    asked: () => asked,
    lookup: (_name, { all }, done) => {
      const found = (answers[asked] ?? []).map((address) => ({
        address,
        family: address.includes(':') ? 6 : 4,
      }));
      asked += 1;
      const [first] = found;
      if (all || !first) done(null, found);
      else done(null, first.address, first.family);
    },
  };
}

/** Listens on every address of this machine; `touched` is how often anything was connected. */
async function withCanary(
  use: (canary: { port: number; touched(): number }) => Promise<void>,
): Promise<void> {
  await withReleases(async (releases) => {
    let touched = 0;
    const listen = async (host: string, port: number): Promise<Server> => {
      const server = createServer((socket) => {
        touched += 1;
        socket.destroy();
      });
      server.listen({ host, port, ipv6Only: host === '::' });
      await once(server, 'listening');
      releases.push(async () => {
        await new Promise((resolve) => server.close(resolve));
      });
      return server;
    };
    const server = await listen('0.0.0.0', 0);
    const { port } = server.address() as AddressInfo;
    // A machine without IPv6 has nothing there that could be reached.
    await listen('::', port).catch(() => undefined);
    await use({ port, touched: () => touched });
  });
}
