import { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';

/**
 * `… | node bench/support/stock-upload.ts`: stores stdin as one object, with AWS's own uploader for streams and the part
 * size and parallelism of BackUpData. ENDPOINT, BUCKET and KEY say where, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY who.
 */
const { ENDPOINT: endpoint = '', BUCKET: Bucket, KEY: Key } = process.env;

const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true });
const params = { Bucket, Key, Body: process.stdin };
await new Upload({ client, params, partSize: 8 * 1_048_576, queueSize: 4 }).done();
client.destroy();
