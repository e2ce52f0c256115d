import type { EncryptionConfig } from '../../shared/config/policy-schema.ts';
import type { Config } from '../../shared/config/schema.ts';
import { type Finding, ok } from './finding.ts';

/** Of each database that encrypts, whether this configuration could restore what it backs up. It need not. */
export async function checkEncryption({
  databases,
  servers,
  identities,
}: Pick<Config, 'databases' | 'servers' | 'identities'>): Promise<readonly Finding[]> {
  const templates = [...servers.values()].map(({ template }) => template);
  const checks = [...databases.values(), ...templates].map(async ({ name, encryption }) =>
    encryption.type === 'age'
      ? [
          ok(
            `encryption of ${name}`,
            `${describeRecipients(encryption)}; ${await outlook(encryption, identities)}`,
          ),
        ]
      : [],
  );
  return (await Promise.all(checks)).flat();
}

type AgeConfig = Extract<EncryptionConfig, { type: 'age' }>;

function describeRecipients({ recipients }: AgeConfig): string {
  return recipients.length === 1 ? 'age, to one recipient' : `age, to ${recipients.length} recipients`;
}

async function outlook({ recipients }: AgeConfig, identities: Config['identities']): Promise<string> {
  const { anyFits } = await import('../../pipeline/codec/identities.ts');
  if (await anyFits(identities, recipients)) return 'an identity of this configuration opens its backups';
  return identities.length === 0
    ? 'without identities, this configuration backs up and cannot restore'
    : 'no identity of this configuration opens its backups, so it cannot restore them';
}
