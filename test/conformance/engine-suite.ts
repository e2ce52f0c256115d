import { describe } from 'node:test';
import { damageTests } from './engine/damage.ts';
import { interruptionTests } from './engine/interruption.ts';
import { refusalTests } from './engine/refusals.ts';
import { roundTripTests } from './engine/round-trip.ts';
import { snapshotTests } from './engine/snapshot.ts';
import type { EngineProduct } from './engine/subject.ts';

/** What every engine must do with a real server of its product, and above all what must not happen. Mandatory for an Engine. */
export function engineSuite(product: EngineProduct): void {
  describe(`the engine ${product.name}`, { concurrency: false }, () => {
    roundTripTests(product);
    snapshotTests(product);
    damageTests(product);
    interruptionTests(product);
    refusalTests(product);
  });
}
