import type { CliContext } from '../context.ts';
import { type VerbGroup, verb } from '../verb.ts';

export const configVerbs: VerbGroup = {
  command: 'config',
  describe: 'Check, describe or begin a configuration',
  verbs: [
    verb({
      command: 'validate',
      describe: 'Check the configuration, and print everything that is wrong with it',
      exits: {},
      builder: (parser) => parser.example('$0 config validate --config prod.yaml', 'Check that file'),
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

async function validate(context: CliContext): Promise<number> {
  const { origin, databases, servers, storages } = await context.config();
  const [database, server, storage] = [databases.size, servers.size, storages.size];
  const whole = server === 0 ? '' : `, ${counted(server, 'server')}`;
  await context.environment();
  context.print({
    document: { ok: true, origin, databases: database, servers: server, storages: storage },
    text: `ok: ${counted(database, 'database')}${whole}, ${counted(storage, 'storage')} (${origin})`,
  });
  return 0;
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
