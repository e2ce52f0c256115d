import { after, before } from 'node:test';
import { sharedCeph, type TestCeph } from '../support/ceph.ts';
import { gcsConfig } from '../support/s3-bucket.ts';
import { s3Subject } from '../support/s3-subject.ts';
import { storageSuite } from './storage-suite.ts';

let ceph: TestCeph;
before(async () => {
  ceph = await sharedCeph();
});
after(() => ceph.stop());

storageSuite({ name: 'gcs', ...s3Subject({ ceph: () => ceph, config: gcsConfig }) });
