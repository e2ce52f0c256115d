import type { CliContext } from '../context.ts';
import type { PlanDocument } from '../output/plan-text.ts';
import { type VerbGroup, verb } from '../verb.ts';

export const configVerbs: VerbGroup = {
  command: 'config',
  describe: 'Check, describe or begin a configuration',
  verbs: [
    verb<{ plan: boolean }>({
      command: 'validate',
      describe: 'Check the configuration, and print everything that is wrong with it',
      exits: { 5: 'Redis cannot be reached (--plan)' },
      builder: (parser) =>
        parser
          .option('plan', {
            type: 'boolean',
            default: false,
            describe: 'Print too which schedules a producer would add, change and remove',
          })
          .example('$0 config validate --config prod.yaml', 'Check that file')
          .example('$0 config validate --plan', 'And compare its schedules with those in Redis'),
      run: validate,
    }),
    verb({
      command: 'schema',
      describe: 'Print the JSON Schema of the configuration file, for editors',
      exits: {},
      builder: (parser) =>
        parser.example('$0 config schema > backupdata.schema.json', 'Keep it beside the file'),
      run: printSchema,
    }),
    verb({
      command: 'example',
      describe: 'Print a configuration file to begin with; it shows every key',
      exits: {},
      builder: (parser) => parser.example('$0 config example > backupdata.yaml', 'Begin with it'),
      run: printExample,
    }),
  ],
};

async function validate(context: CliContext, { plan: isPlanned }: { plan: boolean }): Promise<number> {
  const { origin, databases, servers, storages } = await context.config();
  const [database, server, storage] = [databases.size, servers.size, storages.size];
  const whole = server === 0 ? '' : `, ${counted(server, 'server')}`;
  await context.environment();
  const plan = isPlanned ? await planNow(context) : undefined;
  context.print({
    document: {
      ok: true,
      origin,
      databases: database,
      servers: server,
      storages: storage,
      ...plan?.document,
    },
    text: [
      `ok: ${counted(database, 'database')}${whole}, ${counted(storage, 'storage')} (${origin})`,
      ...(plan ? [plan.text] : []),
    ].join('\n'),
  });
  return 0;
}

/** Compares the schedules with those in Redis, and changes nothing. */
async function planNow(context: CliContext): Promise<{ document: { plan: PlanDocument }; text: string }> {
  const { planOf } = await import('../../scheduler/reconcile.ts');
  const { schedulesOf } = await import('../../scheduler/schedules.ts');
  const { schedulesQueue } = await import('../../../shared/queues/names.ts');
  const { openQueue } = await import('../../../shared/queues/queue.ts');
  const { planDocument, planText } = await import('../output/plan-text.ts');
  const { withClient } = await import('../../client/open.ts');
  const { findRedisUrl } = await import('../redis-url.ts');
  const config = await context.config();
  const plan = await withClient({ config, redisUrl: await findRedisUrl(context) }, async ({ redis }) => {
    const queue = openQueue(schedulesQueue, { redis, installation: config.installation });
    return planOf(queue, schedulesOf(config)).finally(() => queue.close());
  });
  const document = planDocument(plan);
  return { document: { plan: document }, text: planText(document) };
}

async function printSchema(context: CliContext): Promise<number> {
  const { configJsonSchema } = await import('../../../shared/config/json-schema.ts');
  const schema = configJsonSchema();
  context.print({ document: schema, text: JSON.stringify(schema, null, 2) });
  return 0;
}

async function printExample(context: CliContext): Promise<number> {
  const { exampleConfig } = await import('../../../shared/config/example.ts');
  const example = exampleConfig().trimEnd();
  context.print({ document: { example }, text: example });
  return 0;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
