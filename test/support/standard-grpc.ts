import { fileURLToPath } from 'node:url';
import { Client, credentials, type Metadata, type ServiceError } from '@grpc/grpc-js';
import { loadSync, type MethodDefinition, type ServiceDefinition } from '@grpc/proto-loader';
import { service as health } from 'grpc-health-check';

/** What the health service says of a service; '' is the server. */
export async function healthOf(address: string, name: string): Promise<string> {
  const { Check: check } = health as { Check: MethodDefinition<object, { status: string }> };
  const client = new Client(address, credentials.createInsecure());
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  client.makeUnaryRequest(
    check.path,
    check.requestSerialize,
    check.responseDeserialize,
    { service: name },
    (error, answer) => (error ? reject(error) : resolve(answer?.status ?? '')),
  );
  return promise.finally(() => client.close());
}

/** Watches the health of the server until that ends. */
export async function watchHealth(address: string, onStatus: (status: string) => void): Promise<void> {
  const { Watch: watch } = health as { Watch: MethodDefinition<object, { status: string }> };
  const client = new Client(address, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = watch;
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { service: '' });
  const { promise, resolve } = Promise.withResolvers<void>();
  call.on('data', ({ status }: { status: string }) => onStatus(status));
  call.on('error', () => resolve());
  return promise.finally(() => client.close());
}

interface ReflectionAnswer {
  listServicesResponse?: { service: { name: string }[] };
  fileDescriptorResponse?: { fileDescriptorProto: Buffer[] };
}

/** What the reflection service answers to one question. */
export async function reflect(
  address: string,
  question: { listServices: string } | { fileContainingSymbol: string },
  metadata: Metadata,
): Promise<ReflectionAnswer | ServiceError> {
  const { path, requestSerialize, responseDeserialize } = reflectionMethod();
  const client = new Client(address, credentials.createInsecure());
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  const { promise, resolve } = Promise.withResolvers<ReflectionAnswer | ServiceError>();
  call.on('data', resolve);
  call.on('error', resolve);
  call.write(question);
  call.end();
  return promise.finally(() => client.close());
}

function reflectionMethod(): MethodDefinition<object, ReflectionAnswer> {
  const file = new URL(
    '../proto/grpc/reflection/v1/reflection.proto',
    import.meta.resolve('@grpc/reflection'),
  );
  const loaded = loadSync(fileURLToPath(file))['grpc.reflection.v1.ServerReflection'] as ServiceDefinition;
  return loaded.ServerReflectionInfo as MethodDefinition<object, ReflectionAnswer>;
}
