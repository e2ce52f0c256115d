import { BackupDataError } from '../../../shared/errors.ts';
import type { Stage } from '../../process/stage.ts';
import type { EngineContext } from '../engine.ts';
import { plainEnvironment } from './client-options.ts';
import { identifier } from './session.ts';

/** How a dump must differ to be restored where it goes. */
export interface Rewriting {
  /** The database that the dump is of. */
  source: string;
  /** The database that is restored into. */
  database: string;
  /** Views, triggers, events and routines then act in the name of who restores them. */
  withoutDefiners: boolean;
  /** No event runs in the restored database. */
  withoutRunningEvents: boolean;
  /** For a client that takes the first line for a command that it does not know. */
  withoutSandbox: boolean;
}

/**
 * Rewrites a dump line by line. Rows are never touched: their lines begin with INSERT or a parenthesis, and a line break in a
 * value is written as an escape. The text of routines holds any line, so what is rewritten is told by its place:
 * a definition follows a line that nothing in a text can be.
 */
export async function filterStage(rewriting: Rewriting, context: EngineContext): Promise<Stage> {
  const sed = await context.tools.find('sed');
  if (sed === undefined)
    throw new BackupDataError(
      'TOOL_MISSING',
      'sed is not installed, and a dump is rewritten by it for its target',
      {
        hint: 'Install sed, or add its folder to tools.path in the configuration.',
      },
    );
  const args = ['-E', ...rulesFor(rewriting).flatMap((rule) => ['-e', rule])];
  return { program: sed, args, env: plainEnvironment(context) };
}

/** Statements of a routine end with `;;` where the dump has set that, and no line of its text can end so. */
const text = '/^DELIMITER ;;$/,/^DELIMITER ;$/';
const quoted = '(`([^`]|``)*`|"([^"]|"")*")';
const definer = `DEFINER=${quoted}(@${quoted})?`;

function rulesFor({ source, database, ...without }: Rewriting): readonly string[] {
  const target = identifier(database).replaceAll(/[\\/&]/g, '\\$&');
  const collation = 'CHARACTER SET [a-z0-9_]+ COLLATE [a-z0-9_]+';
  return [
    // Around an object that was made under another collation; it names the source, which may be on this very server.
    `${text}!s/^ALTER DATABASE \`([^\`]|\`\`)*\` (${collation} ;)$/ALTER DATABASE ${target} \\2/`,
    `${text}s/^ALTER DATABASE \`([^\`]|\`\`)*\` (${collation} ;;)$/ALTER DATABASE ${target} \\2/`,
    ...(source === database ? [] : sequenceRules(identifier(source), target)),
    ...(without.withoutDefiners ? definerRules : []),
    ...(without.withoutRunningEvents ? eventRules : []),
    ...(without.withoutSandbox ? ['1{/^\\/\\*M?!999999\\\\- enable the sandbox mode \\*\\/ *$/d', '}'] : []),
  ];
}

/** A column whose default value comes from a sequence names the source too; in the column's line, before any quoted text. */
function sequenceRules(source: string, target: string): readonly string[] {
  const named = source.replaceAll(/[\\/$()*+.?[\]^{|}]/g, '\\$&');
  return [
    `${text}!{`,
    ':column',
    `s/^(  \`([^\`]|\`\`)*\` [^']*(nextval|lastval)\\()${named}\\./\\1${target}./`,
    't column',
    '}',
  ];
}

const eventHead = '/^\\/\\*!50003 SET time_zone +=[^;]*;;$/';

const definerRules = [
  // Views: the line behind the one that begins the definition.
  '/^\\/\\*!50001 CREATE ALGORITHM=[A-Z]+ \\*\\/$/{n',
  `s/^\\/\\*!50013 ${definer} SQL SECURITY/\\/*!50013 SQL SECURITY/`,
  '}',
  // Triggers and routines: the line behind the one that opens a text.
  '/^DELIMITER ;;$/{n',
  `s/^\\/\\*!50003 CREATE\\*\\/ \\/\\*!50017 ${definer}\\*\\/ /\\/*!50003 CREATE*\\/ /`,
  `s/^CREATE ${definer} /CREATE /`,
  '}',
  `${eventHead}{n`,
  `s/^\\/\\*!50106 CREATE\\*\\/ \\/\\*!50117 ${definer}\\*\\/ /\\/*!50106 CREATE*\\/ /`,
  '}',
];

const eventRules = [`${eventHead}{n`, 's/( ON COMPLETION (NOT )?PRESERVE) ENABLE /\\1 DISABLE /', '}'];
