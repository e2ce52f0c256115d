import yargs from 'yargs';
import { asBackupDataError, BackupDataError, exitCodeOf, toErrorDocument } from '../../shared/errors.ts';
import { addCommands, missingCommand } from './commands.ts';
import { createCompletion } from './completion.ts';
import { type CliContext, complain, createCliContext } from './context.ts';
import { exitCodesText } from './exit-codes.ts';
import type { Host } from './host.ts';
import { refuseServer, serverChoiceOf, serverOptions } from './server-options.ts';
import { refuseRepeated, usageError } from './usage.ts';
import { verbs } from './verbs/verbs.ts';
import { readVersion } from './version.ts';
import { withoutSecrets } from './without-secrets.ts';

/** Runs one command line to its end and gives the exit code of the process. */
export async function runCli(host: Host): Promise<number> {
  // Asked before anything is parsed: a command line that does not parse still answers in JSON.
  const json = host.argv.includes('--json');
  for (const stream of [host.stdout, host.stderr]) stream.on('error', ignoreClosedPipe);
  try {
    return await dispatch(host, json);
  } catch (error) {
    return report(host, { error, json });
  }
}

async function dispatch(host: Host, json: boolean): Promise<number> {
  let code = 0;
  const parser = serverOptions(yargs([...host.argv]), { hidden: false })
    .scriptName('backupdata')
    .locale('en')
    .version(await readVersion())
    .usage('$0 <command>\n\nBacks databases up, restores them, and proves that it can.')
    .option('config', {
      type: 'string',
      describe: 'Configuration file (backupdata.yaml, or $BACKUPDATA_CONFIG)',
      global: true,
    })
    .option('json', {
      type: 'boolean',
      default: false,
      describe: 'Print one JSON document; progress as JSON lines',
      global: true,
    })
    .parserConfiguration({ 'greedy-arrays': false })
    .strictCommands()
    .strict()
    .demandCommand(1, missingCommand)
    .wrap(Math.min(80, host.stdout.columns ?? 80))
    .epilogue(exitCodesText())
    .exitProcess(false)
    .fail((message, error, page) => {
      if (message === missingCommand && !json) page.showHelp((help) => host.stderr.write(`${help}\n\n`));
      throw error && error.name !== 'YError' ? error : usageError(message, host.argv);
    });
  addCommands(parser, verbs, async (verb, options) => {
    refuseRepeated(verb, options, host.argv);
    refuseServer(verb, options);
    if (!verb.hearsHangUps) host.hangUps?.release();
    const context = contextOf(host, options);
    try {
      code = await verb.run(context, options);
    } catch (error) {
      throw await withoutSecrets(context, error);
    }
  });
  parser.completion('completion', 'Print a script for shell completion', await createCompletion(host));
  await parser.parseAsync([...host.argv], {}, (_error, _options, output) => {
    if (output !== '') host.stdout.write(`${output}\n`);
  });
  return code;
}

function contextOf(host: Host, options: Record<string, unknown>): CliContext {
  const { config, json } = options;
  return createCliContext({
    host,
    configFile: typeof config === 'string' ? config : undefined,
    server: serverChoiceOf(options),
    json: json === true,
  });
}

function report({ stderr, signal }: Host, { error, json }: { error: unknown; json: boolean }): number {
  const interrupted = signal.aborted && !(error instanceof BackupDataError);
  const failure = interrupted
    ? new BackupDataError('INTERRUPTED', `interrupted by ${String(signal.reason)}`)
    : asBackupDataError(error);
  complain({ stderr, json, error: toErrorDocument(failure) });
  return exitCodeOf(failure.code);
}

/** A reader that has seen enough (`backupdata list | head`) is no failure. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
