import { randomBytes } from 'node:crypto';
import { type Role, roles, tokenSchema } from '../../../shared/config/access-schema.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import type { CliContext } from '../context.ts';
import { type VerbGroup, verb } from '../verb.ts';

interface Options {
  name: string;
  role: Role;
  databases: string[] | undefined;
}

export const tokenVerbs: VerbGroup = {
  command: 'token',
  describe: 'Make tokens for the API and the console',
  verbs: [
    verb<Options>({
      command: 'create',
      describe: 'Make a token, and print it once with the line for the configuration',
      exits: {},
      lists: ['databases'],
      builder: (parser) =>
        parser
          .option('name', {
            type: 'string',
            demandOption: true,
            requiresArg: true,
            describe: 'Whose it is; the audit log names it',
          })
          .option('role', {
            choices: roles,
            default: 'viewer' as const,
            describe:
              'viewer: reads; operator: runs, cancels and verifies too; admin: restores, prunes, retries and changes schedules too',
          })
          .option('databases', {
            type: 'string',
            array: true,
            requiresArg: true,
            describe: "Only databases of this name, or like it ('shop*'); may be repeated",
          })
          .example('$0 token create --name ci --role operator', 'A token for the job that deploys')
          .example("$0 token create --name crm --databases 'crm*'", 'One that knows of some databases alone'),
      run: create,
    }),
  ],
};

async function create(context: CliContext, { name, role, databases }: Options): Promise<number> {
  const { newToken } = await import('../../identity/tokens.ts');
  const { token, sha256 } = newToken(randomBytes);
  const entry = checked({ name, role, sha256, ...(databases && { databases }) });
  const line = `- ${flow(entry)}`;
  context.print({
    document: { token, entry },
    text: [
      token,
      '',
      'It is shown only now. Give it to whom it is for, and the configuration of each producer this line:',
      '',
      'auth:',
      '  tokens:',
      `    ${line}`,
    ].join('\n'),
  });
  return 0;
}

/** What the configuration would refuse is refused here. */
function checked(entry: object) {
  const parsed = tokenSchema.safeParse(entry);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new BackupDataError('USAGE', `--${issue?.path[0]?.toString() ?? 'name'}: ${issue?.message ?? ''}`, {
    hint: 'See `backupdata token create --help`.',
  });
}

/** As YAML in one line. */
function flow(entry: object): string {
  const fields = Object.entries(entry).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  return `{ ${fields.join(', ')} }`;
}
