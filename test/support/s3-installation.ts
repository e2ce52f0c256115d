import { type Installation, quickQueue, withInstallation } from './installation.ts';
import type { StoredPlace } from './invariants.ts';
import { type FaultyS3, withFaultyS3 } from './s3-faults.ts';

/** An installation whose only storage is a bucket behind a proxy that a test makes fail. */
export interface S3Installation extends FaultyS3 {
  installation: Installation;
  /** For `assertInvariants`. */
  place: StoredPlace;
  /** Configures the database `shop` there, and that storage. Times are short. */
  configure(options: {
    url: string;
    timeouts?: Record<string, unknown>;
    attempts?: number;
    defaults?: Record<string, unknown>;
  }): Promise<void>;
}

export async function withS3Installation(use: (given: S3Installation) => Promise<void>): Promise<void> {
  await withFaultyS3((faulty) =>
    withInstallation(async (installation) => {
      const { bucket, config, direct } = faulty;
      await use({
        ...faulty,
        installation,
        place: {
          storage: direct,
          stored: async () => [...(await bucket.objects()), ...(await bucket.unfinished())].sort(),
        },
        configure: ({ url, timeouts = {}, attempts = 1, defaults = {} }) =>
          installation.configure({
            storages: {
              offsite: {
                ...config,
                accessKeyId: config.accessKeyId?.reveal(),
                secretAccessKey: config.secretAccessKey?.reveal(),
              },
            },
            defaults,
            databases: { shop: { engine: 'postgres', url } },
            queue: { ...quickQueue, attempts },
            timeouts: { connect: '1s', request: '1s', ...timeouts },
          }),
      });
    }),
  );
}
