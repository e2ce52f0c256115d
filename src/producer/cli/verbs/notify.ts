import type { Config } from '../../../shared/config/schema.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import type { RunEvent } from '../../../shared/queues/run-event.ts';
import type { CliContext } from '../context.ts';
import { type VerbGroup, verb } from '../verb.ts';

interface Options {
  name: string;
}

export const notifyVerbs: VerbGroup = {
  command: 'notify',
  describe: 'Try who is told of what happens',
  verbs: [
    verb<Options>({
      command: 'test <name>',
      describe: 'Send a test to a notifier, from this machine and without Redis',
      exits: {
        0: 'it was taken',
        3: 'no such notifier',
        5: 'the notifier cannot be reached, or failed',
      },
      builder: (parser) =>
        parser
          .positional('name', {
            type: 'string',
            demandOption: true,
            describe: 'A notifier of the configuration',
          })
          .example('$0 notify test ops', 'Send a test to the notifier `ops`'),
      run: test,
    }),
  ],
};

async function test(context: CliContext, { name }: Options): Promise<number> {
  const config = await context.config();
  const notifier = config.notifiers.get(name);
  if (!notifier) throw unknown(name, config);
  const { notifierFor, placeOf } = await import('../../notifiers/notifiers.ts');
  const { type } = notifier;
  const host = placeOf(notifier);
  const event = await testEvent(context, config, name);
  const made = await notifierFor({ name, config: notifier, clock: context.clock });
  await made.notify(event, context.signal);
  context.print({
    document: { notifier: name, type, host, event: event.id },
    text: `a test was sent to ${name} (${type} at ${host})`,
  });
  return 0;
}

/** As an event of a database that names the notifier, so that it looks as others will. */
async function testEvent({ clock }: CliContext, config: Config, name: string): Promise<RunEvent> {
  const { compactTime, newAttemptId } = await import('../../../shared/ids.ts');
  const { aboutNothing } = await import('../../../shared/queues/run-event.ts');
  const entries = [
    ...config.databases.values(),
    ...[...config.servers.values()].map((each) => each.template),
  ];
  const told = entries.find(({ notify }) => notify.includes(name)) ?? entries[0];
  return {
    version: 1,
    id: `test-${name}-${compactTime(clock())}-${newAttemptId()}`,
    kind: 'test',
    at: clock().toISOString(),
    installation: config.installation,
    database: told?.name ?? 'test',
    server: '',
    ...aboutNothing,
    link: config.publicUrl,
  };
}

function unknown(name: string, { notifiers, origin }: Config): BackupDataError {
  const known = [...notifiers.keys()].join(', ');
  return new BackupDataError(
    'NOTIFIER_UNKNOWN',
    `there is no notifier "${name}" in the configuration (${origin})`,
    {
      hint:
        known === '' ? 'It has none: docs/notifications.md shows how to describe one.' : `It has ${known}.`,
    },
  );
}
