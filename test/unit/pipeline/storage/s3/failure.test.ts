import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isPassing } from '../../../../../src/pipeline/storage/retry.ts';
import { s3Failure, s3NameOf } from '../../../../../src/pipeline/storage/s3/failure.ts';
import { BackupDataError, type ErrorCode } from '../../../../../src/shared/errors.ts';

const location = { storage: 'offsite', bucket: 'backups', endpoint: 'https://s3.example.com:9000' };
const passes = true;

/** What a request failed with, what it becomes, and whether it is tried again at once. */
const cases: [string, object, ErrorCode, boolean?][] = [
  ['a refused key id', service('InvalidAccessKeyId', 403), 'STORAGE_AUTH'],
  ['a refused signature', service('SignatureDoesNotMatch', 403), 'STORAGE_AUTH'],
  ['a denial', service('AccessDenied', 403), 'STORAGE_AUTH'],
  ['a denial without a body', service('UnknownError', 403), 'STORAGE_AUTH'],
  ['a request without credentials', service('Unauthorized', 401), 'STORAGE_AUTH'],
  ['an expired token', service('ExpiredToken', 400), 'STORAGE_AUTH'],
  ['a clock that is wrong', service('RequestTimeTooSkewed', 403), 'STORAGE_AUTH'],
  ['an empty credential chain', named('CredentialsProviderError'), 'STORAGE_AUTH'],
  ['a missing bucket', service('NoSuchBucket', 404), 'STORAGE_MISSING'],
  ['another region', service('PermanentRedirect', 301), 'CONFIG_INVALID'],
  ['a region in the signature', service('AuthorizationHeaderMalformed', 400), 'CONFIG_INVALID'],
  ['a quota', service('QuotaExceeded', 403), 'STORAGE_FULL'],
  ['a full store', service('XMinioStorageFull', 507), 'STORAGE_FULL'],
  ['a full disk', service('Whatever', 507), 'STORAGE_FULL'],
  ['a failure of the store', service('InternalError', 500), 'STORAGE_UNAVAILABLE', passes],
  ['a gateway', service('BadGateway', 502), 'STORAGE_UNAVAILABLE', passes],
  ['too many requests', service('SlowDown', 503), 'STORAGE_UNAVAILABLE', passes],
  ['too many requests by status', service('Whatever', 429), 'STORAGE_UNAVAILABLE', passes],
  ['two writers at once', service('ConditionalRequestConflict', 409), 'STORAGE_UNAVAILABLE', passes],
  ['a refused condition', service('NotImplemented', 501), 'STORAGE_UNAVAILABLE'],
  ['an upload that was removed', service('NoSuchUpload', 404), 'STORAGE_UNAVAILABLE'],
  ['a request that is wrong', service('InvalidRequest', 400), 'STORAGE_UNAVAILABLE'],
  ['an archived object', service('InvalidObjectState', 403), 'STORAGE_UNAVAILABLE'],
  ['no server', system('ECONNREFUSED'), 'STORAGE_UNAVAILABLE', passes],
  ['a reset', system('ECONNRESET'), 'STORAGE_UNAVAILABLE', passes],
  ['no such host', system('ENOTFOUND'), 'STORAGE_UNAVAILABLE', passes],
  ['silence', named('TimeoutError'), 'STORAGE_UNAVAILABLE', passes],
  ['a certificate', system('SELF_SIGNED_CERT_IN_CHAIN'), 'STORAGE_UNAVAILABLE'],
  ['an answer that is no S3', named('SyntaxError'), 'STORAGE_UNAVAILABLE', passes],
  ['a missing object', service('NoSuchKey', 404), 'OBJECT_NOT_FOUND'],
  ['a missing object of HEAD', service('NotFound', 404), 'OBJECT_NOT_FOUND'],
  ['a taken key', service('PreconditionFailed', 412), 'OBJECT_EXISTS'],
];

describe('a failure of an S3 request', () => {
  for (const [what, error, code, passing = false] of cases) {
    it(`becomes ${code} for ${what}${passing ? ', and is tried again' : ''}`, () => {
      const failure = s3Failure(location, error, 'shop/catalog/x.json');
      assert.equal(failure.code, code, failure.message);
      assert.equal(isPassing(failure), passing);
      assert.match(failure.message, /^the storage offsite \(bucket backups at s3\.example\.com:9000\) /);
      assert.match(failure.hint ?? '', /^[A-Z`d].*\.$/);
      assert.doesNotMatch(failure.message, /Error: |undefined/);
    });
  }

  it('keeps what the store said as its cause, and nothing of the request', () => {
    const secret = 'session-token-canary';
    const error = Object.assign(service('SignatureDoesNotMatch', 403), {
      CanonicalRequest: `x-amz-security-token:${secret}`,
      $response: { headers: { authorization: secret } },
    });
    const { cause } = s3Failure(location, error);
    assert.ok(cause instanceof Error);
    assert.equal(cause.message, 'the store said so (HTTP 403, request 42)');
    assert.equal(s3NameOf(s3Failure(location, error)), 'SignatureDoesNotMatch');
    assert.ok(!JSON.stringify(Object.getOwnPropertyDescriptors(cause)).includes(secret));
  });

  it('leaves an error of ours as it is', () => {
    const ours = new BackupDataError('OBJECT_DAMAGED', 'x');
    assert.equal(s3Failure(location, ours), ours);
  });
});

function service(name: string, httpStatusCode: number): Error {
  return Object.assign(named(name), { $metadata: { httpStatusCode, requestId: '42' } });
}

function named(name: string): Error {
  return Object.assign(new Error('the store said so'), { name });
}

function system(code: string): Error {
  return Object.assign(new Error(`connect ${code} 10.0.0.1:443`), { code });
}
