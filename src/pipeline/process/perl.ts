import { BackupDataError } from '../../shared/errors.ts';
import type { Stage } from './stage.ts';
import type { Tools } from './tools.ts';

/** A program of Perl's as a stage. `what` ends the sentence that it is not installed: `the end of a dump is kept by it`. TOOL_MISSING. */
export async function perlStage({
  program,
  args,
  tools,
  what,
}: {
  program: string;
  args: readonly string[];
  tools: Tools;
  what: string;
}): Promise<Stage> {
  const perl = await tools.find('perl');
  if (perl !== undefined) return { program: perl, args: ['-e', program, '--', ...args], env: {} };
  throw new BackupDataError('TOOL_MISSING', `perl is not installed, and ${what}`, {
    hint: 'Install it (on Debian `apt-get install perl-base`), or add its folder to tools.path in the configuration.',
  });
}
