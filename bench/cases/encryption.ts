import { generateIdentity, identityToRecipient } from 'age-encryption';
import { alternate } from '../support/alternate.ts';
import type { Bench } from '../support/bench.ts';
import { type Session, timeJob, withSession } from '../support/session.ts';
import { seconds } from '../support/units.ts';
import { type Row, ratioRow, type Samples } from '../table.ts';

/** What encryption may add to the time of a backup. */
const limit = 1.1;

/** A whole backup job with encryption, against the same without. */
export async function encryptionCase(bench: Bench): Promise<Row[]> {
  const { name, url } = await bench.data.large();
  const recipient = await identityToRecipient(await generateIdentity());
  const encryption = { type: 'age', recipients: [recipient] };
  const times: Record<'plain' | 'encrypted', number[]> = { plain: [], encrypted: [] };
  const databases = { [name]: url };
  await withSession({ bench, databases }, (plain) =>
    withSession({ bench, databases, defaults: { encryption } }, async (encrypted) => {
      Object.assign(times, await compare(bench, { name, plain, encrypted }));
    }),
  );
  const samples = (values: readonly number[]): Samples => ({ values, format: seconds });
  const [ours, stock] = [samples(times.encrypted), samples(times.plain)];
  return [
    ratioRow({
      what: 'encryption: active to committed, against the same without',
      ours,
      stock,
      atMost: limit,
    }),
  ];
}

async function compare(
  bench: Bench,
  { name, plain, encrypted }: { name: string; plain: Session; encrypted: Session },
): Promise<Record<'plain' | 'encrypted', number[]>> {
  await plain.startWorker();
  await encrypted.startWorker();
  const runs = bench.size.runs.job;
  return alternate(
    {
      plain: { runs, run: () => timeJob(plain, name) },
      encrypted: { runs, run: () => timeJob(encrypted, name) },
    },
    { signal: bench.signal, onRun: (which, time) => bench.say(`encryption: ${which} ${seconds(time)}`) },
  );
}
