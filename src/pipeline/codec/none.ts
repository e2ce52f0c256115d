import type { Codec } from './codec.ts';

/** The bytes as they are. */
export function createNone(): Codec {
  return {
    name: 'none',
    extension: '',
    params: {},
    detectsDamage: false,
    encode: () => null,
    decode: () => null,
    inProcess: null,
    stock: null,
    explain: () => undefined,
  };
}
